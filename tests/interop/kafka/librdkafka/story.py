"""The order story with confluent-kafka (librdkafka). See ../README.md.

usage: story.py HOST:PORT
"""

import json
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVERS = {"bootstrap.servers": sys.argv[1]}
RUN = str(int(time.time() * 1000))
ORDERS, INVOICES, GROUP = f"orders-{RUN}", f"invoices-{RUN}", f"payment-{RUN}"


def consumer(group, **more):
    return Consumer({**SERVERS, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, **more})


def take(member, count, patience=20):
    taken, end = [], time.time() + patience
    while len(taken) < count and time.time() < end:
        message = member.poll(0.5)
        if message is not None and message.error() is None:
            taken.append(message)
    return taken


admin = AdminClient(SERVERS)
for made in admin.create_topics([NewTopic(ORDERS, 3, 1), NewTopic(INVOICES, 1, 1)]).values():
    made.result()

confirmed = []
producer = Producer({**SERVERS, "enable.idempotence": True, "compression.type": "lz4"})
for number in range(60):
    producer.produce(ORDERS, key=f"user-{number % 6}", value=json.dumps({"id": number}),
                     headers={"event-type": "ORDER_CREATED"},
                     on_delivery=lambda error, _: confirmed.append(error is None))
producer.flush(20)

first = consumer(GROUP)
first.subscribe([ORDERS])
messages = take(first, 25)
first.commit(asynchronous=False)
first.close()
second = consumer(GROUP)
second.subscribe([ORDERS])
messages += take(second, 60 - len(messages))

ids = [json.loads(message.value())["id"] for message in messages]
users = {}
for message, number in zip(messages, ids):
    users.setdefault(message.key(), []).append(number)

invoices = Producer({**SERVERS, "transactional.id": f"invoices-{RUN}"})
invoices.init_transactions(20)
invoices.begin_transaction()
for number in range(10):
    invoices.produce(INVOICES, value=f"invoice {number}")
places = second.position(second.assignment())
invoices.send_offsets_to_transaction(places, second.consumer_group_metadata(), 20)
invoices.commit_transaction(20)
invoices.begin_transaction()
for number in range(5):
    invoices.produce(INVOICES, value=f"draft {number}")
invoices.flush(20)
invoices.abort_transaction(20)
second.close()

reader = consumer(f"reader-{RUN}", **{"isolation.level": "read_committed"})
reader.assign([TopicPartition(INVOICES, 0, 0)])
seen = [message.value().decode() for message in take(reader, 11, 5)]
reader.close()
asker = consumer(GROUP)
committed = asker.committed([TopicPartition(ORDERS, partition) for partition in range(3)], 20)
asker.close()

print(json.dumps({
    "confirmed": sum(confirmed),
    "payment": {
        "taken": len(set(ids)),
        "twice": len(ids) - len(set(ids)),
        "in_order": all(numbers == sorted(numbers) for numbers in users.values()),
        "with_header": sum(dict(message.headers() or []).get("event-type") == b"ORDER_CREATED"
                           for message in messages),
    },
    "invoices": len(seen),
    "drafts": sum(value.startswith("draft") for value in seen),
    "places": sum(place.offset for place in committed),
}))
