"""Celery on AMQP, with results over RPC. See ../README.md for what every one of these programs does.

usage: story.py AMQP_URL
"""

import json
import os
import sys

from celery import Celery, chain, group
from celery.contrib.testing.worker import start_worker

app = Celery("orders", broker=sys.argv[1], backend="rpc://")
app.conf.task_queue_max_priority = 9
app.conf.task_default_queue = "celery-orders"
app.conf.broker_connection_retry_on_startup = True


@app.task
def price(number, each):
    return number * each


@app.task
def add(left, right):
    return left + right


@app.task(bind=True, max_retries=3)
def warehouse(self):
    """Down for the first two tries."""
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def poisoned():
    raise ValueError("poisoned")


def tell():
    def result(call):
        return call.get(timeout=20)

    failed = poisoned.delay()
    try:
        result(failed)
        reason = "none"
    except ValueError as error:
        reason = str(error)
    return {
        "rpc": result(price.delay(2, 3)),
        "retried": result(warehouse.delay()),
        "failed": [reason, failed.state],
        "later": result(price.apply_async((1, 4), countdown=0.2)),
        "chain": result(chain(price.s(2, 3), add.s(4)).apply_async()),
        "group": result(group(price.s(n, 2) for n in range(20)).apply_async()),
        "priorities": [result(price.apply_async((n, 1), priority=n)) for n in range(5)],
    }


with start_worker(app, perform_ping_check=False, pool="solo"):
    print(json.dumps(tell()), flush=True)
    # A worker that is told to stop waits for its next message.
    os._exit(0)
