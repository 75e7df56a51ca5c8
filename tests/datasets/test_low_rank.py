import numpy as np
import pytest

from skmc.datasets import make_low_rank


def test_shapes_and_consistency():
    data = make_low_rank(30, 20, rank=3, observed=0.4, offsets=2.0, random_state=0)
    assert data.X.shape == data.truth.shape == data.mask.shape == (30, 20)
    assert data.U.shape == (30, 3)
    assert data.V.shape == (20, 3)
    assert data.mask.sum() == 240
    np.testing.assert_allclose(data.truth, data.U @ data.V.T + data.offsets)
    np.testing.assert_array_equal(np.isnan(data.X), ~data.mask)
    np.testing.assert_array_equal(data.X[data.mask], data.truth[data.mask])


def test_no_offsets_by_default():
    assert not make_low_rank(random_state=0).offsets.any()


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_spectrum(spacing):
    data = make_low_rank(60, 40, rank=4, condition_number=8, spacing=spacing, random_state=0)
    values = np.linalg.svd(data.truth, compute_uv=False)
    np.testing.assert_allclose(values[:4], data.singular_values)
    np.testing.assert_allclose(values[4:], 0, atol=1e-10)
    assert values[0] / values[3] == pytest.approx(8)
    steps = np.log(values[:4]) if spacing == "log" else values[:4]
    np.testing.assert_allclose(np.diff(steps, 2), 0, atol=1e-10)
    np.testing.assert_allclose(data.U.T @ data.U, data.V.T @ data.V, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 7])
def test_entries_have_unit_mean_square(rank):
    data = make_low_rank(50, 70, rank=rank, condition_number=3.0, random_state=1)
    assert np.mean(data.truth**2) == pytest.approx(1.0)


def test_noise_has_the_given_size_and_only_touches_X():
    clean = make_low_rank(200, 200, random_state=0)
    noisy = make_low_rank(200, 200, noise=0.3, random_state=0)
    np.testing.assert_array_equal(clean.truth, noisy.truth)
    np.testing.assert_array_equal(clean.mask, noisy.mask)
    assert np.nanstd(noisy.X - clean.X) == pytest.approx(0.3, rel=0.05)


def test_observed_sets_are_nested():
    few = make_low_rank(observed=0.1, random_state=0)
    many = make_low_rank(observed=0.7, random_state=0)
    np.testing.assert_array_equal(few.truth, many.truth)
    assert np.all(many.mask[few.mask])


def test_everything_observed():
    data = make_low_rank(8, 5, rank=2, observed=1, random_state=0)
    assert data.mask.all()
    assert np.isfinite(data.X).all()


def test_random_state():
    one, same, other = (make_low_rank(random_state=seed).truth for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"rank": 6, "n_columns": 5}, "rank=6 must not exceed"),
        ({"rank": 0}, "'rank' parameter"),
        ({"observed": 0}, "'observed' parameter"),
        ({"observed": 1.1}, "'observed' parameter"),
        ({"noise": -1}, "'noise' parameter"),
        ({"condition_number": 0.5}, "'condition_number' parameter"),
        ({"spacing": "cubic"}, "'spacing' parameter"),
        ({"n_rows": 2.5}, "'n_rows' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
def test_bad_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        make_low_rank(**params)


def test_given_singular_values_are_kept_up_to_a_factor():
    data = make_low_rank(40, 30, 3, singular_values=[1.0, 7.0, 2.0], random_state=0)
    values = np.linalg.svd(data.truth, compute_uv=False)[:3]
    np.testing.assert_allclose(values / values[2], [7.0, 2.0, 1.0])
    np.testing.assert_allclose(data.singular_values, values)
    assert np.mean(data.truth**2) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [1.0, 2.0, 0.0], [1.0, 2.0, np.inf], 3.0])
def test_wrong_singular_values_are_refused(wrong):
    with pytest.raises(ValueError, match="singular_values"):
        make_low_rank(40, 30, 3, singular_values=wrong)


def test_coherence_concentrates_the_matrix_in_few_lines():
    def largest_leverage(coherence):
        data = make_low_rank(300, 200, 4, coherence=coherence, random_state=0)
        leverage = [np.linalg.norm(np.linalg.qr(F)[0], axis=1) ** 2 for F in (data.U, data.V)]
        np.testing.assert_allclose(data.U.T @ data.U, data.V.T @ data.V, atol=1e-9)
        return np.max([part.max() * part.size / 4 for part in leverage])

    even, some, much = map(largest_leverage, (0.0, 0.7, 1.5))
    assert even < 6 < some < much
    assert much > 20
