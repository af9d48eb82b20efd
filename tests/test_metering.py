"""What a counter shows is shared out among requests that run side by side; in the end all of it, and nothing twice."""

import pytest
from small_reader import read

from extract.devserver.acts import ok
from extract.devserver.counts import Costs
from extract.devserver.server import DevServer
from extract.metering import Meter, open_meter
from records import Usage
from settings import ModelSettings

MODEL = ModelSettings(base_url="u", model="m", j_per_prompt_token=0.01, j_per_token=0.1)
SHORT = Usage(prompt_tokens=100, completion_tokens=10)  # weighs 2
LONG = Usage(prompt_tokens=300, completion_tokens=30)  # weighs 6


class Gpu:
    """A counter that draws what it is told to."""

    def __init__(self):
        self.joules = 1000.0

    def __call__(self):
        return self.joules


def test_one_request_alone_has_drawn_it_all():
    gpu = Gpu()
    meter = Meter(gpu, MODEL)
    meter.begin()
    gpu.joules += 30

    usage = meter.end(SHORT, 0)
    assert (usage.energy_j, usage.energy_source) == (30.0, "counter")


def test_requests_side_by_side_share_by_their_tokens_and_in_the_end_all_of_it():
    gpu = Gpu()
    meter = Meter(gpu, MODEL)
    for _ in range(3):
        meter.begin()
    shares = []
    for usage, others in ((SHORT, 2), (LONG, 1), (SHORT, 0)):
        gpu.joules += 20
        shares.append(meter.end(usage, others).energy_j)

    assert sum(shares) == pytest.approx(60)
    assert shares[0] == pytest.approx(20 * 2 / (2 + 2))  # two others, half done, as long as itself
    assert shares[1] == pytest.approx((10 + 20) * 6 / (6 + 2))  # one other, of the mean (2 + 6) / 2


def test_what_is_drawn_while_nothing_is_asked_belongs_to_nobody():
    gpu = Gpu()
    meter = Meter(gpu, MODEL)
    meter.begin()
    gpu.joules += 5
    first = meter.end(SHORT, 0)
    gpu.joules += 500
    meter.begin()
    gpu.joules += 7

    assert (first.energy_j, meter.end(SHORT, 0).energy_j) == (5.0, 7.0)


def test_a_request_that_does_not_say_its_tokens_stays_unknown_and_leaves_the_others_theirs():
    gpu = Gpu()
    meter = Meter(gpu, MODEL)
    meter.begin(), meter.begin()
    gpu.joules += 30
    unknown, known = meter.end(Usage(), 1), meter.end(SHORT, 0)

    assert unknown.energy_j is None and 0 < known.energy_j < 30


def test_a_long_stream_side_by_side_is_shared_out_whole():
    gpu = Gpu()
    meter = Meter(gpu, MODEL)
    for _ in range(64):
        meter.begin()
    shares = []
    for i in range(1000):
        gpu.joules += 4.0 if i % 10 == 0 else 0.0  # a counter that moves now and then
        shares.append(meter.end(LONG if i % 2 else SHORT, min(63, 999 - i)).energy_j)
        if i < 1000 - 64:
            meter.begin()

    assert sum(shares) == pytest.approx(400)
    assert sum(shares[301:901:2]) == pytest.approx(3 * sum(shares[300:900:2]), rel=0.05), "by their tokens"


def test_without_a_named_gpu_nothing_is_counted():
    assert open_meter(MODEL) is None


def test_a_counter_that_cannot_be_read_is_told_in_the_log_and_reading_goes_on(caplog):
    with DevServer() as server:
        server.otherwise = ok(costs=Costs(prompt_tokens=100, cached_tokens=80, completion_tokens=20))
        (reading,) = read(server, gpus=(97,), j_per_prompt_token=0.01, j_per_token=0.1)

    assert "joules of text are not counted" in caplog.text
    assert (reading.usage.energy_j, reading.usage.energy_source) == (pytest.approx(2.2), "coefficient")


def test_joules_stay_unknown_where_a_model_has_no_coefficients():
    with DevServer() as server:
        (reading,) = read(server)

    assert reading.usage.energy_j is None and reading.usage.energy_source is None
