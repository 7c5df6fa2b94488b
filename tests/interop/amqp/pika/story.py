"""The order story with pika. See ../README.md for what every one of these programs does.

usage: story.py AMQP_URL
"""

import json
import sys
import threading

import pika
import pika.exceptions

ORDERS = 60


def connect():
    return pika.BlockingConnection(pika.URLParameters(sys.argv[1]))


def order(n):
    return json.dumps({"id": n, "item": "book"}).encode()


def declare(channel):
    channel.exchange_declare("orders", "topic", durable=True)
    channel.exchange_declare("orders.dead", "fanout", durable=True)
    channel.exchange_declare("orders.later", "fanout", durable=True)
    channel.queue_declare("payment", durable=True, arguments={"x-dead-letter-exchange": "orders.dead"})
    channel.queue_declare("warehouse", durable=True, arguments={"x-dead-letter-exchange": "orders.later"})
    later = {
        "x-message-ttl": 100,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "warehouse",
    }
    channel.queue_declare("warehouse.later", durable=True, arguments=later)
    channel.queue_declare("dead", durable=True)
    channel.queue_declare("express", durable=True, arguments={"x-max-priority": 9})
    channel.queue_bind("payment", "orders", "order.#")
    channel.queue_bind("warehouse", "orders", "order.created")
    channel.queue_bind("warehouse.later", "orders.later")
    channel.queue_bind("dead", "orders.dead")


def publish_orders(channel):
    """Every order is confirmed; one that nobody wants comes back."""
    channel.confirm_delivery()
    for n in range(ORDERS):
        properties = pika.BasicProperties(delivery_mode=2, message_id=str(n))
        channel.basic_publish("orders", "order.created", order(n), properties, mandatory=True)
    try:
        channel.basic_publish("orders", "nobody.wants", b"?", mandatory=True)
    except pika.exceptions.UnroutableError as error:
        returned = error.messages[0].method
        return {"confirmed": ORDERS, "returned": [returned.reply_code, returned.reply_text]}
    raise AssertionError("an unroutable message was not returned")


def consume(channel, queue, count, handle):
    channel.basic_qos(prefetch_count=10)
    for method, properties, body in channel.consume(queue, inactivity_timeout=20):
        assert method is not None, f"no more messages in {queue}"
        count -= handle(method, properties, body)
        if count == 0:
            break
    channel.cancel()


def payment(channel):
    """Poisoned orders, every tenth, are refused for good."""
    paid = []

    def handle(method, _properties, body):
        n = json.loads(body)["id"]
        if n % 10 == 3:
            channel.basic_nack(method.delivery_tag, requeue=False)
        else:
            paid.append(n)
            channel.basic_ack(method.delivery_tag)
        return 1

    consume(channel, "payment", ORDERS, handle)
    return {"paid": len(paid), "in_order": paid == sorted(paid)}


def dead_letters(channel):
    deaths = []

    def handle(method, properties, body):
        death = properties.headers["x-death"][0]
        first = properties.headers["x-first-death-queue"]
        deaths.append([json.loads(body)["id"], death["queue"], death["reason"], death["exchange"],
                       death["routing-keys"], death["count"], first])
        channel.basic_ack(method.delivery_tag)
        return 1

    consume(channel, "dead", ORDERS // 10, handle)
    return sorted(deaths)


def warehouse(channel):
    """The warehouse is down for every tenth order: it waits twice, and is then taken."""
    tries = {}

    def handle(method, properties, body):
        n = json.loads(body)["id"]
        died = (properties.headers or {}).get("x-death", [])
        refused = sum(d["count"] for d in died if d["reason"] == "rejected")
        if n % 10 == 7 and refused < 2:
            channel.basic_reject(method.delivery_tag, requeue=False)
            return 0
        tries[n] = refused
        channel.basic_ack(method.delivery_tag)
        return 1

    consume(channel, "warehouse", ORDERS, handle)
    return {"taken": len(tries), "waited": sorted(n for n in tries if tries[n] == 2)}


def express(channel):
    """What is urgent goes first, and among equals the older one."""
    for n in range(30):
        channel.basic_publish("", "express", str(n).encode(), pika.BasicProperties(priority=n % 10))
    seen = []

    def handle(method, properties, body):
        seen.append((properties.priority, int(body)))
        channel.basic_ack(method.delivery_tag)
        return 1

    consume(channel, "express", 30, handle)
    return seen == sorted(seen, key=lambda one: (-one[0], one[1]))


def serve_stock(ready):
    connection = connect()
    channel = connection.channel()
    channel.queue_declare("stock", auto_delete=True)

    def answer(channel, method, properties, body):
        reply = pika.BasicProperties(correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, body + b" in stock", reply)
        channel.basic_ack(method.delivery_tag)
        if body == b"last":
            channel.stop_consuming()

    channel.basic_consume("stock", answer)
    ready.set()
    channel.start_consuming()
    connection.close()


def ask_stock(channel):
    """RPC, with replies that nobody stores."""
    ready = threading.Event()
    server = threading.Thread(target=serve_stock, args=(ready,), daemon=True)
    server.start()
    assert ready.wait(20), "the stock server did not start"
    answers = {}

    def answered(_channel, _method, properties, body):
        answers[properties.correlation_id] = body.decode()

    channel.basic_consume("amq.rabbitmq.reply-to", answered, auto_ack=True)
    for item in ["pen", "book", "last"]:
        properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id=item)
        channel.basic_publish("", "stock", item.encode(), properties)
        while item not in answers:
            channel.connection.process_data_events(time_limit=20)
    server.join(20)
    return answers


def main():
    connection = connect()
    channel = connection.channel()
    declare(channel)
    story = {"published": publish_orders(channel)}
    story["payment"] = payment(channel)
    story["dead"] = dead_letters(channel)
    story["warehouse"] = warehouse(channel)
    story["express"] = express(channel)
    story["stock"] = ask_stock(connection.channel())
    for queue in ["payment", "warehouse", "warehouse.later", "dead", "express"]:
        assert channel.queue_delete(queue).method.message_count == 0, f"{queue} is not empty"
    for exchange in ["orders", "orders.dead", "orders.later"]:
        channel.exchange_delete(exchange)
    connection.close()
    print(json.dumps(story))


main()
