"""A Solo log from Python: the types of its events, made by flatc from the schemas, and its records as bytes.

Needs flatc, and the packages flatbuffers and kafka (Debian: flatbuffers-compiler, python3-flatbuffers, python3-kafka).
records.md says what a record is.
"""
import importlib
import pathlib
import subprocess
import sys
import tempfile
import time

import flatbuffers
import kafka

IDENTIFIER = b"SOEV"


def schemas():
    """Where the .fbs files are: beside this when installed, or in a checkout."""
    here = pathlib.Path(__file__).resolve().parent
    for place in (here.parents[3] / "solo/fbs", here.parents[2] / "schemas/fbs"):
        if (place / "event.fbs").exists():
            return place
    sys.exit("the schemas are not installed: there is no share/solo/fbs/event.fbs")


def load_types():
    """The module that flatc makes of event.fbs."""
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(
            ["flatc", "--python", "--gen-object-api", "--gen-onefile", "--gen-all", "-o", made, schemas() / "event.fbs"],
            check=True)
        sys.path.insert(0, made)
        try:
            return importlib.import_module("event_generated")
        finally:
            sys.path.remove(made)


v1 = load_types()
EVENT_NAMES = {number: name for name, number in vars(v1.Payload).items() if isinstance(number, int)}


def encode(event):
    """A v1.EventT as the value of a record."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(event.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def decode(value):
    """The value of a record as a v1.Event; None if it is no event. Anybody may have written it: take nothing for granted."""
    if value is None or value[4:8] != IDENTIFIER:
        return None
    return v1.Event.GetRootAs(value, 0)


def is_control(record):
    """Is it a marker of a transaction's end? Kafka's own, and no record of the log; this client hands them out all the same."""
    return (record.value is not None and len(record.value) == 6 and record.value[:2] == b"\0\0"
            and record.key in (b"\0\0\0\0", b"\0\0\0\1"))


def check_is_log(options):
    """Ends the program unless the topic is there and is a log. A record in the place of the first would keep it from ever
    becoming one, and on some brokers a topic comes into being when somebody asks for it by its name."""
    topic = options.cluster + ".events"
    consumer = kafka.KafkaConsumer(bootstrap_servers=options.kafka, auto_offset_reset="earliest")
    if topic not in consumer.topics():
        sys.exit(f"there is no topic {topic}: solo topic create makes one")
    for partition in sorted(consumer.partitions_for_topic(topic)):
        place = kafka.TopicPartition(topic, partition)
        consumer.assign([place])
        first = None
        if consumer.end_offsets([place])[place] > 0:
            consumer.seek(place, 0)
            deadline = time.monotonic() + 30
            while first is None and time.monotonic() < deadline:
                first = next(iter(consumer.poll(timeout_ms=200, max_records=1).get(place, [])), None)
        event = decode(first.value) if first is not None and first.offset == 0 else None
        if event is None or event.PayloadType() != v1.Payload.SystemInitialized:
            sys.exit(f"topic {topic} is no Solo log: partition {partition} does not begin with SystemInitialized")
    consumer.close()


def text(raw):
    return "" if raw is None else raw.decode("utf-8", "replace")


def headers(event):
    """CloudEvents 1.0, binary mode. Solo itself never looks at them."""
    wanted = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_source": event.source,
        "ce_type": "solo.v1." + EVENT_NAMES[event.payloadType],
        "ce_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.time / 1_000_000)),
        "ce_subject": event.tenant + "/" + event.service,
        "content-type": "application/x-flatbuffers",
    }
    return [(name, value.encode()) for name, value in wanted.items()]
