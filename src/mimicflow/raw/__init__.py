"""What did the hospital write? Raw files read, checked, ingested to typed Parquet shards."""
