#!/usr/bin/python3
"""Deploys a service by publishing ServiceDeployed to the log itself, and watches it come up.

Exit status: 0 it runs, 1 its start failed or there is no such log, 3 nobody said so in time.
"""
import argparse
import sys
import time
import uuid

import kafka

import solo_log
from solo_log import text, v1


def deployed(options):
    """The event."""
    spec = v1.SpecT()
    spec.format = v1.Format.exec
    spec.argv = options.argv
    payload = v1.ServiceDeployedT()
    payload.spec = spec
    payload.replace = options.replace
    event = v1.EventT()
    # Published again with the same id and source it would be a duplicate and change nothing.
    event.id = options.id or str(uuid.uuid4())
    event.source = "https://example.org/deploy.py"
    event.tenant = options.tenant
    event.service = options.service
    event.time = time.time_ns() // 1000
    event.payloadType = v1.Payload.ServiceDeployed
    event.payload = payload
    return event


def publish(options, topic):
    """Where it is in the log."""
    # This client's default partitioner is the one that Solo expects: murmur2 of the key.
    producer = kafka.KafkaProducer(bootstrap_servers=options.kafka, acks="all")
    event = deployed(options)
    sent = producer.send(topic, key=event.tenant.encode(), value=solo_log.encode(event), headers=solo_log.headers(event))
    metadata = sent.get(timeout=30)
    producer.close()
    return metadata.partition, metadata.offset


def watch(options, topic, partition, offset):
    """The exit status, once the runtime has reported what came of it."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=options.kafka)
    place = kafka.TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.seek(place, offset + 1)
    deadline = time.monotonic() + options.timeout
    while time.monotonic() < deadline:
        for record in consumer.poll(timeout_ms=200).get(place, []):
            event = solo_log.decode(record.value)
            if event is None or text(event.Tenant()) != options.tenant or text(event.Service()) != options.service:
                continue
            name = solo_log.EVENT_NAMES.get(event.PayloadType(), "unknown")
            print(f"{partition}:{record.offset} {name}", flush=True)
            if event.PayloadType() in (v1.Payload.ServiceStarted, v1.Payload.ServiceRecovered):
                return 0
            if event.PayloadType() == v1.Payload.ServiceDeploymentFailed:
                failed = v1.ServiceDeploymentFailed()
                failed.Init(event.Payload().Bytes, event.Payload().Pos)
                print(text(failed.Reason()), text(failed.Detail()), file=sys.stderr)
                return 1
    print("nothing was said of it: see `solo status` and `solo view dead-letters`", file=sys.stderr)
    return 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--cluster", default="solo", help="the log is the topic CLUSTER.events")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--id", help="the event's id; a random one unless given")
    parser.add_argument("--replace", action="store_true", help="put it in the place of the one that runs")
    parser.add_argument("--timeout", type=float, default=30, metavar="SECONDS")
    parser.add_argument("service")
    parser.add_argument("argv", nargs="+", metavar="PROGRAM [ARGUMENT...]")
    options = parser.parse_args()
    topic = options.cluster + ".events"
    solo_log.check_is_log(options)
    partition, offset = publish(options, topic)
    print(f"{partition}:{offset} ServiceDeployed", flush=True)
    return watch(options, topic, partition, offset)


if __name__ == "__main__":
    sys.exit(main())
