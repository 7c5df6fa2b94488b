"""The order story with redis-py. See ../README.md for what every one of these programs does.

usage: story.py HOST PORT
"""

import json
import sys
import threading

import redis

ORDERS = 60


def connect():
    return redis.Redis(host=sys.argv[1], port=int(sys.argv[2]), decode_responses=True)


def entries(answer):
    """RESP2 answers pairs, RESP3 a map of lists of lists."""
    if not answer:
        return []
    if isinstance(answer, dict):
        found = next(iter(answer.values()))
        return found[0] if found and isinstance(found[0], list) else found
    return answer[0][1]


def main():
    client = connect()
    client.flushall()
    seen = {}

    pipeline = client.pipeline(transaction=False)
    for n in range(ORDERS):
        pipeline.xadd("orders", {"id": n, "item": "book"})
    seen["published"] = len(set(pipeline.execute()))

    client.xgroup_create("orders", "payment", id="0", mkstream=True)
    paid = 0
    while True:
        batch = entries(client.xreadgroup("payment", "one", {"orders": ">"}, count=10))
        if not batch:
            break
        done = [entry for entry, fields in batch if int(fields["id"]) % 10 != 3]
        paid += client.xack("orders", "payment", *done)
    seen["paid"] = paid
    seen["pending"] = client.xpending("orders", "payment")["pending"]
    claimed = client.xautoclaim("orders", "payment", "two", min_idle_time=0, start_id="0-0")[1]
    seen["claimed"] = [int(fields["id"]) for _, fields in claimed]
    client.xack("orders", "payment", *[entry for entry, _ in claimed])

    waiting = connect()
    got = []

    def wait():
        answer = waiting.xreadgroup("payment", "three", {"orders": ">"}, block=10000)
        got.append(entries(answer)[0][1]["item"])

    thread = threading.Thread(target=wait)
    thread.start()
    while client.info("clients")["blocked_clients"] < 1:
        pass
    client.xadd("orders", {"id": 60, "item": "express"})
    thread.join()
    seen["express"] = got[0]

    transaction = client.pipeline()
    transaction.xadd("orders", {"id": 61, "item": "pen"})
    transaction.incr("counter")
    seen["transaction"] = len(transaction.execute())

    subscriber = connect().pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe("news")
    subscriber.get_message(timeout=5)
    client.publish("news", "hello")
    message = None
    while message is None:
        message = subscriber.get_message(timeout=5)
    seen["heard"] = message["data"]

    locks = [client.set("lock", "me", nx=True, px=60000) for _ in range(2)]
    seen["lock"] = [bool(lock) for lock in locks]
    client.zadd("delayed", {"soon": 1, "late": 100})
    seen["due"] = client.zrangebyscore("delayed", "-inf", 50)
    client.xtrim("orders", maxlen=10, approximate=False)
    seen["trimmed"] = client.xlen("orders")
    try:
        client.xgroup_create("orders", "payment", id="0")
    except redis.ResponseError as error:
        seen["error"] = str(error).split(" ")[0]
    print(json.dumps(seen))


main()
