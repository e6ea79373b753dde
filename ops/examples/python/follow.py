#!/usr/bin/python3
"""Follows the log and prints a table of its events, from its beginning on."""
import argparse
import sys
import time

import kafka

import solo_log
from solo_log import text


def row(record):
    """One line of the table; what is no event is shown as such."""
    event = solo_log.decode(record.value)
    when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(record.timestamp / 1000))
    try:
        whose = "/".join(filter(None, (text(event.Tenant()), text(event.Service()))))
        name = solo_log.EVENT_NAMES.get(event.PayloadType(), f"unknown ({event.PayloadType()})")
        source = text(event.Source())
    except Exception:  # damaged, or not an event at all: whatever the reader trips over
        whose, name, source = text(record.key), "no event", f"{len(record.value or b'')} bytes"
    line = f"{record.partition}:{record.offset:<8} {when}  {whose:<28}  {name:<24}  {source}"
    return "".join(c if c.isprintable() else "?" for c in line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--cluster", default="solo", help="the log is the topic CLUSTER.events")
    parser.add_argument("--once", action="store_true", help="stop where the log ends now")
    options = parser.parse_args()

    topic = options.cluster + ".events"
    consumer = kafka.KafkaConsumer(bootstrap_servers=options.kafka, auto_offset_reset="earliest")
    partitions = consumer.partitions_for_topic(topic)
    if not partitions:
        sys.exit(f"there is no topic {topic}")
    places = [kafka.TopicPartition(topic, number) for number in sorted(partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(places)
    while not options.once or any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                if not solo_log.is_control(record):
                    print(row(record), flush=True)


if __name__ == "__main__":
    main()
