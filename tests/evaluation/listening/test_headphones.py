"""The headphone test: its tones, its order, who passes, and what the tables say of it."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.headphones import (
    ANTIPHASE,
    HERTZ,
    ORDERS,
    PASS,
    PLAIN,
    SOFT,
    count_right,
    tones,
    trial_order,
)
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.service import RatingService
from evaluation.listening.store.records import new_token
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.export import result_files
from evaluation.listening.tables.result_report import headphone_text
from evaluation.listening.tables.result_tables import results

RATE = 16000


def levels(sound, rate=RATE):
    """RMS in dB of the middle of the three tones of [2, T]."""
    starts = [round((0.5 + 1.5 * index + 0.2) * rate) for index in range(3)]
    parts = [sound[..., start : start + round(0.6 * rate)] for start in starts]
    return np.array([10 * np.log10(np.mean(part**2) + 1e-20) for part in parts])


def softest(sound, over_headphones):
    """What a person takes for the softest: each ear hears a channel, or both hear their sum."""
    return int(np.argmin(levels(sound) if over_headphones else levels(sound.mean(axis=0))))


@pytest.mark.parametrize("order", ORDERS)
def test_one_tone_is_six_decibels_softer_and_one_cancels_over_loudspeakers(order):
    sound = tones(order, RATE)
    level = dict(zip(order, levels(sound)))
    assert level[PLAIN] - level[SOFT] == pytest.approx(6.0, abs=0.05)
    assert level[ANTIPHASE] == pytest.approx(level[PLAIN], abs=0.01)
    together = dict(zip(order, levels(sound.mean(axis=0))))
    assert together[ANTIPHASE] < together[SOFT] - 40
    spectrum = np.abs(np.fft.rfft(sound[0]))
    assert np.fft.rfftfreq(sound.shape[1], 1 / RATE)[np.argmax(spectrum)] == pytest.approx(
        HERTZ, abs=0.5
    )


def test_every_rater_hears_all_orders_in_an_order_of_his_own():
    assert set(ORDERS) == set(itertools.permutations((PLAIN, SOFT, ANTIPHASE)))
    orders = [tuple(trial_order(7, number)) for number in range(1, 41)]
    assert all(sorted(order) == list(range(6)) for order in orders) and len(set(orders)) > 20
    assert orders[0] == tuple(trial_order(7, 1)) != tuple(trial_order(8, 1))


def test_headphones_pass_loudspeakers_do_not_and_guessing_seldom_does():
    for number in range(1, 8):
        heard = [tones(ORDERS[index], RATE) for index in trial_order(3, number)]
        right, wrong = ([softest(sound, way) for sound in heard] for way in (True, False))
        assert count_right(3, number, right) == 6
        assert count_right(3, number, wrong) == 0
    guesses = itertools.product(range(3), repeat=6)
    passed = sum(count_right(3, 1, guess) >= PASS for guess in guesses)
    assert passed == 13  # of 729: 1.8 %


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_sample_study(
        tmp_path_factory.mktemp("study"), 2, 2, 2, axes=["quality"], headphone_test=True
    )


@pytest.fixture
def service(study, tmp_path):
    prepared = prepare(study, study.folder / "prepared")
    service = RatingService(study, prepared, Store(f"sqlite:///{tmp_path / 'answers.sqlite'}"))
    yield service
    service.store.close()


def take(service, wrong=0, takes_it=True):
    """A rater over headphones who answers `wrong` trials by guess, and finishes the study."""
    token = new_token()
    view = service.start(token, True)
    answers = []
    for clip in view.headphones:
        sound, rate = soundfile.read(io.BytesIO(service.clip(clip)))
        answers.append(int(np.argmin(levels(sound.T, rate))))
    answers = [(a + (index < wrong)) % 3 for index, a in enumerate(answers)]
    if takes_it:
        service.note(token, "headphones", "headphones", {"answers": answers})
        assert service.view(token).headphones == ()
    while view.state == "trial":
        view = service.answer(token, view.trial.id, {"quality": 3}, "", {"heard": [1.0]})
    return token


def test_the_page_gets_six_stereo_clips_that_differ_in_sound_alone(service):
    view = service.start(new_token(), True)
    clips = [service.clip(name) for name in view.headphones]
    assert len(set(view.headphones)) == len(set(clips)) == 6
    assert len({len(clip) for clip in clips}) == len({clip[:44] for clip in clips}) == 1
    assert soundfile.info(io.BytesIO(clips[0])).channels == 2


def test_the_share_that_passed_is_told_and_who_did_not_is_screened(service):
    for wrong in (0, 1, 2, 6):
        take(service, wrong)
    take(service, takes_it=False)
    found = results(service.study, service.store)
    assert [verdict.headphones for verdict in found.verdicts] == [6, 5, 4, 0, None]
    assert ["headphones" in verdict.failed for verdict in found.verdicts] == [
        False,
        False,
        True,
        True,
        True,  # undefined is not a pass
    ]
    assert headphone_text(found) == (
        "Headphone test: 2 of 4 raters passed (50 %), with 5 or more of 6 right."
    )
    files = result_files(service.study, service.store, found)
    rows = list(csv.DictReader(io.StringIO(files["screening.csv"])))
    assert [row["headphones"] for row in rows] == ["6", "5", "4", "0", ""]


def test_the_first_answers_stand_and_wrong_ones_are_refused(service):
    token = take(service, wrong=6)
    service.note(token, "headphones", "headphones", {"answers": [0, 1, 2, 0, 1, 2]})
    assert [v.headphones for v in results(service.study, service.store).verdicts] == [0]
    for key, detail in (
        ("headphones", {"answers": [0] * 5}),
        ("headphones", {"answers": [0] * 5 + [3]}),
        ("headphones", {"answers": [True] * 6}),
        ("headphones", {"answers": [0] * 6, "right": 6}),
        ("again", {"answers": [0] * 6}),
    ):
        with pytest.raises(InputError):
            service.note(token, key, "headphones", detail)


def test_a_study_without_the_test_asks_nothing(tmp_path):
    study = write_sample_study(tmp_path, 2, 2, 2, axes=["quality"])
    prepared = prepare(study, tmp_path / "prepared")
    service = RatingService(study, prepared, Store(f"sqlite:///{tmp_path / 'answers.sqlite'}"))
    token = new_token()
    assert service.start(token, True).headphones == () and not prepared.of_kind("headphones")
    with pytest.raises(InputError):
        service.note(token, "headphones", "headphones", {"answers": [0] * 6})
    assert headphone_text(results(study, service.store)) == ""
    service.store.close()
