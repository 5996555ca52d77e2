"""What is written for reviewers: the model card and the checklists."""
