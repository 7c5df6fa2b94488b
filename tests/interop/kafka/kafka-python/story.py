"""The order story with kafka-python. See ../README.md.

usage: story.py HOST:PORT
"""

import json
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

SERVERS = sys.argv[1]
RUN = str(int(time.time() * 1000))
ORDERS, INVOICES, GROUP = f"orders-{RUN}", f"invoices-{RUN}", f"payment-{RUN}"


def consumer(group, **more):
    return KafkaConsumer(bootstrap_servers=SERVERS, group_id=group, enable_auto_commit=False,
                         auto_offset_reset="earliest", **more)


def take(member, count, patience=20):
    taken, end = [], time.time() + patience
    while len(taken) < count and time.time() < end:
        left = count - len(taken)
        for records in member.poll(timeout_ms=500, max_records=left).values():
            taken += records
    return taken


admin = KafkaAdminClient(bootstrap_servers=SERVERS)
admin.create_topics([NewTopic(name=ORDERS, num_partitions=3, replication_factor=1),
                     NewTopic(name=INVOICES, num_partitions=1, replication_factor=1)])

producer = KafkaProducer(bootstrap_servers=SERVERS, enable_idempotence=True, compression_type="gzip")
sent = [producer.send(ORDERS, key=f"user-{number % 6}".encode(),
                      value=json.dumps({"id": number}).encode(),
                      headers=[("event-type", b"ORDER_CREATED")]) for number in range(60)]
confirmed = [future.get(timeout=20) for future in sent]

first = consumer(GROUP)
first.subscribe([ORDERS])
messages = take(first, 25)
first.commit()
first.close()
second = consumer(GROUP)
second.subscribe([ORDERS])
messages += take(second, 60 - len(messages))

ids = [json.loads(message.value)["id"] for message in messages]
users = {}
for message, number in zip(messages, ids):
    users.setdefault(message.key, []).append(number)

invoices = KafkaProducer(bootstrap_servers=SERVERS, transactional_id=f"invoices-{RUN}")
invoices.init_transactions()
invoices.begin_transaction()
for number in range(10):
    invoices.send(INVOICES, value=f"invoice {number}".encode())
places = {partition: OffsetAndMetadata(second.position(partition), "", -1)
          for partition in second.assignment()}
invoices.send_offsets_to_transaction(places, GROUP)
invoices.commit_transaction()
invoices.begin_transaction()
for number in range(5):
    invoices.send(INVOICES, value=f"draft {number}".encode())
invoices.flush()
invoices.abort_transaction()
second.close()

reader = consumer(None, isolation_level="read_committed")
reader.assign([TopicPartition(INVOICES, 0)])
reader.seek_to_beginning()
seen = [message.value.decode() for message in take(reader, 11, 5)]
reader.close()
asker = consumer(GROUP)
committed = [asker.committed(TopicPartition(ORDERS, partition)) or 0 for partition in range(3)]
asker.close()

print(json.dumps({
    "confirmed": len(confirmed),
    "payment": {
        "taken": len(set(ids)),
        "twice": len(ids) - len(set(ids)),
        "in_order": all(numbers == sorted(numbers) for numbers in users.values()),
        "with_header": sum(dict(message.headers).get("event-type") == b"ORDER_CREATED"
                           for message in messages),
    },
    "invoices": len(seen),
    "drafts": sum(value.startswith("draft") for value in seen),
    "places": sum(committed),
}))
