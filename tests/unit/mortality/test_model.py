from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from mimicflow.mortality.model import NetworkConfig, VisitNetwork, n_parameters

LSTM = NetworkConfig(cell="lstm", bidirectional=False, hidden=64, dropout=0.3, empty_visits="read")
NETWORKS = {
    "lstm": LSTM,
    "gru": replace(LSTM, cell="gru"),
    "bilstm": replace(LSTM, bidirectional=True),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    return VisitNetwork(NETWORKS[request.param], 100).eval()


def visits(*lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, 100, generator=generator) for length in lengths]


def logits(network, sequences):
    with torch.no_grad():
        return network(pack_sequence(sequences, enforce_sorted=False))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("lstm", 4 * (64 * 100 + 64 * 64 + 2 * 64) + 65),
        ("gru", 3 * (64 * 100 + 64 * 64 + 2 * 64) + 65),
        ("bilstm", 2 * 4 * (64 * 100 + 64 * 64 + 2 * 64) + 129),
    ],
)
def test_parameters_are_counted_with_both_biases(name, weights):
    assert n_parameters(VisitNetwork(NETWORKS[name], 100)) == weights


@pytest.mark.parametrize("name", NETWORKS)
def test_visits_without_a_vector_are_skipped_as_keras_masking_does(name):
    """A masked step leaves the state as it was; with no other step the state is zero."""
    torch.manual_seed(0)
    skipping = VisitNetwork(replace(NETWORKS[name], empty_visits="skipped"), 100).eval()
    reading = VisitNetwork(NETWORKS[name], 100).eval()
    reading.load_state_dict(skipping.state_dict())
    empty = torch.zeros(1, 100)
    one, three = visits(1, 3)
    holed = [torch.cat([empty, one, empty]), torch.cat([three[:2], empty, three[2:]])]

    found = logits(skipping, [*holed, empty, torch.zeros(4, 100)])

    torch.testing.assert_close(found[:2], logits(reading, [one, three]))
    assert not torch.allclose(found[:2], logits(reading, holed))
    torch.testing.assert_close(found[2:], skipping.head.bias.detach().expand(2))


def test_a_logit_per_patient_whatever_the_company_and_the_order(network):
    sequences = visits(3, 20, 1, 7)

    together = logits(network, sequences)

    assert together.shape == (4,)
    assert torch.isfinite(together).all()
    for place, alone in enumerate(sequences):
        assert logits(network, [alone]).item() == pytest.approx(together[place].item(), abs=1e-6)
    turned = logits(network, sequences[::-1])
    np.testing.assert_allclose(turned.flip(0).numpy(), together.numpy(), atol=1e-6)


def test_padding_in_front_that_is_never_read_equals_no_padding(network):
    """The published notebook pads to 20 visits in front; packed, no step is taken on them."""
    short = visits(5)[0]
    padded = torch.cat([torch.zeros(15, 100), short])

    assert logits(network, [padded[15:]]).item() == logits(network, [short]).item()
    assert logits(network, [padded]).item() != logits(network, [short]).item()


def test_the_order_of_visits_matters(network):
    sequence = visits(6)[0]

    assert logits(network, [sequence]).item() != logits(network, [sequence.flip(0)]).item()


def test_a_forward_network_reads_the_last_visit_last_and_the_other_both_ends():
    sequence = visits(30)[0]
    changed = sequence.clone()
    changed[0] += 5
    change = {}
    for name, config in NETWORKS.items():
        torch.manual_seed(0)
        network = VisitNetwork(config, 100).eval()
        change[name] = (logits(network, [sequence]) - logits(network, [changed])).abs().item()

    assert change["bilstm"] > 100 * change["lstm"]


def test_dropout_is_before_the_last_layer_and_only_in_training(network):
    sequence = visits(4)
    network.train()
    drawn = {round(network(pack_sequence(sequence)).item(), 6) for _ in range(8)}

    assert len(drawn) > 1
    network.eval()
    assert len({logits(network, sequence).item() for _ in range(4)}) == 1


def test_the_loss_of_one_batch_falls(network):
    network.train()
    sequences = pack_sequence(visits(*range(8, 0, -1)))
    labels = torch.tensor([0.0, 1.0] * 4)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(sequences), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.5 * losses[0]
