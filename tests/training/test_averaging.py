from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")
from ser_batch.errors import SerBatchError, UsageError
from ser_batch.model.bundle import load_bundle
from ser_batch.model.runtime import Network, softmax
from ser_batch.training.card import ATTRIBUTION
from ser_batch.training.job import Job
from ser_batch.training.options import HoldOut
from ser_batch.training.teacher import WHISPER
from ser_batch.training.train import fit


def trained(table, options, folder, seed, **hold_out):
    return fit(Job(table, (options,), HoldOut(**hold_out), seed, quiet=True), folder)


def probabilities(bundle, clips, temperature=None):
    network = Network(bundle.network_path)
    return softmax(np.stack([network(clip) for clip in clips]), temperature or bundle.temperature)


def test_probabilities_are_the_mean_of_those_of_the_members(bundle, table, quick, tmp_path):
    other = trained(table, replace(quick, epochs=1), tmp_path / "other", 1)
    members = [bundle, other, other]
    both = fit(Job(table, (quick,), members=members, quiet=True, command="train"), tmp_path / "both")
    assert both.card["summary"].startswith("MFCC → CNN + CNN")
    recorded = both.card["training"]["recipe"]["members"]
    assert [each["sha256"] for each in recorded] == [each.sha256 for each in members]
    clips = table.log_mel(np.arange(5))
    means = np.mean([probabilities(each, clips) for each in members], axis=0)
    np.testing.assert_allclose(probabilities(both, clips, 1), means, atol=1e-3)


def test_each_corpus_and_network_is_credited_once(bundle, table, quick, tmp_path):
    def credited(*credits):
        training = {**bundle.card["training"], "attribution": " ".join(credits)}
        return replace(bundle, card={**bundle.card, "training": training})

    cremad, emodb = ATTRIBUTION["CREMA-D"], ATTRIBUTION["EMO-DB"]
    members = [
        credited(cremad, emodb, WHISPER),
        credited(cremad, emodb),
        credited("A corpus of 2030.", cremad),
    ]
    mean = fit(Job(table, (quick,), members=members, quiet=True), tmp_path / "mean")
    expected = {cremad, emodb, WHISPER, "A corpus of 2030."}
    attribution = mean.card["training"]["attribution"]
    assert all(attribution.count(credit) == 1 for credit in expected)
    assert len(attribution) == len(" ".join(expected))


def test_members_must_fit_each_other(bundle, table, quick, tmp_path):
    with pytest.raises(UsageError, match="twice or more"):
        fit(Job(table, (quick,), members=[bundle]), tmp_path / "a")
    without_sad = table.select(np.array(table.labels) != "sad")
    with pytest.raises(UsageError, match="its labels are angry, neutral, sad"):
        fit(Job(without_sad, (quick,), members=[bundle, bundle]), tmp_path / "b")
    gated = replace(bundle, card={**bundle.card, "denoise": "gate"})
    with pytest.raises(UsageError, match="average models with the same input"):
        fit(Job(table, (quick,), members=[bundle, gated]), tmp_path / "c")


def test_a_member_without_its_keras_file_is_named(bundle, table, quick, tmp_path):
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("card.json", "model.tflite"):
        (folder / name).write_bytes((bundle.path / name).read_bytes())
    with pytest.raises(SerBatchError, match=r"shipped/model\.keras: Keras cannot open it"):
        fit(Job(table, (quick,), members=[load_bundle(folder)] * 2, quiet=True), tmp_path / "both")


@pytest.mark.slow
def test_a_fold_averages_the_networks_of_that_fold(table, quick, tmp_path):
    options = replace(quick, epochs=1)
    members = [
        trained(table, options, tmp_path / name, seed, cross_validate=True)
        for name, seed in (("one", 0), ("two", 1))
    ]
    hold_out = HoldOut(cross_validate=True)
    both = fit(Job(table, (options,), hold_out, members=members, quiet=True), tmp_path / "both")
    parts = [load_bundle(folder / "folds" / "2") for folder in (*(each.path for each in members), both.path)]
    clips = table.log_mel(np.arange(4))
    temperatures = [each.card["cross_validation"]["folds"]["2"]["temperature"] for each in members]
    means = np.mean(
        [probabilities(*pair) for pair in zip(parts[:2], [clips] * 2, temperatures, strict=True)], axis=0
    )
    np.testing.assert_allclose(probabilities(parts[2], clips, 1), means, atol=1e-3)
    assert both.card["cross_validation"]["folds"]["2"]["uar"] == parts[2].card["evaluation"]["uar"]
    shuffled = replace(table, attributes={}, speakers=table.speakers[::-1])
    with pytest.raises(UsageError, match="held out here"):
        fit(Job(shuffled, (options,), replace(hold_out, folds=3), 5, members=members), tmp_path / "other")
    with pytest.raises(UsageError, match="no network of fold"):
        fit(Job(table, (options,), hold_out, members=parts[:2]), tmp_path / "parts")
