"""The order story with the AWS CLI: each step is one run of `aws sqs`. See ../README.md.

usage: story.py ENDPOINT
"""

import json
import os
import subprocess
import sys

environment = {
    **os.environ,
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_MAX_ATTEMPTS": "1",
}
program = os.path.join(os.path.dirname(sys.executable), "aws")


def run(action, **parameters):
    flags = []
    for name, value in parameters.items():
        flags.append("--" + name.replace("_", "-"))
        flags.append(value if isinstance(value, str) else json.dumps(value))
    endpoint = ["--endpoint-url", sys.argv[1]]
    command = [program, *endpoint, "sqs", action, "--output", "json", *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def aws(action, **parameters):
    done = run(action, **parameters)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def attributes(url):
    return aws("get-queue-attributes", queue_url=url, attribute_names="All")["Attributes"]


def entry(n):
    return {
        "Id": str(n),
        "MessageBody": json.dumps({"id": n}),
        "MessageGroupId": f"g{n % 4}",
        "MessageDeduplicationId": f"order-{n}",
        "MessageAttributes": {"shop": {"DataType": "String", "StringValue": f"shop {n}"}},
    }


def send_first():
    return aws(
        "send-message",
        queue_url=url,
        message_body=entry(0)["MessageBody"],
        message_group_id="g0",
        message_deduplication_id="order-0",
        message_attributes=entry(0)["MessageAttributes"],
    )


def receive(url, count):
    found = aws(
        "receive-message",
        queue_url=url,
        max_number_of_messages=count,
        wait_time_seconds=5,
        message_attribute_names="All",
        message_system_attribute_names="All",
    )
    return found.get("Messages", [])


def number(message):
    return json.loads(message["Body"])["id"]


def delete(messages):
    entries = [
        {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]}
        for at, message in enumerate(messages)
    ]
    aws("delete-message-batch", queue_url=url, entries=entries)


def show_again(url, message):
    aws(
        "change-message-visibility",
        queue_url=url,
        receipt_handle=message["ReceiptHandle"],
        visibility_timeout=0,
    )


dead = aws("create-queue", queue_name="cli-dead.fifo", attributes={"FifoQueue": "true"})["QueueUrl"]
arn = attributes(dead)["QueueArn"]
policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
url = aws(
    "create-queue",
    queue_name="cli-orders.fifo",
    attributes={"FifoQueue": "true", "RedrivePolicy": policy},
)["QueueUrl"]

first = send_first()
batches = [[entry(n) for n in range(1, 10)], [entry(n) for n in range(10, 20)]]
answers = [aws("send-message-batch", queue_url=url, entries=batch) for batch in batches]
again = send_first()

# Up to ten at a time, but alone what is poisoned: the rest of its group would die with it.
handled, kept, poisoned = [], True, 0
count = 1
while len(handled) < 19:
    messages = receive(url, count)
    for message in messages:
        shop = message["MessageAttributes"]["shop"]["StringValue"]
        kept = kept and shop == f"shop {number(message)}"
    if any(number(message) == 7 for message in messages):
        poisoned += 1
        show_again(url, messages[0])
    elif messages:
        delete(messages)
        handled += [number(message) for message in messages]
    count = 10 if poisoned == 3 else 1

letter = receive(dead, 1)[0]
source = letter["Attributes"]["DeadLetterQueueSourceArn"].split(":")[-1]
show_again(dead, letter)
aws("start-message-move-task", source_arn=arn)
back = receive(url, 1)[0]
delete([back])
counts = attributes(url)
aws("delete-queue", queue_url=url)
aws("delete-queue", queue_url=dead)
refused = run("send-message", queue_url=url, message_body="late", message_group_id="g")

print(
    json.dumps(
        {
            "sent": 1 + sum(len(answer["Successful"]) for answer in answers),
            "duplicate": again["MessageId"] == first["MessageId"],
            "handled": len(handled),
            "in_order": all(
                [n for n in handled if n % 4 == group] == sorted(n for n in handled if n % 4 == group)
                for group in range(4)
            ),
            "attributes": kept,
            "poisoned": poisoned,
            "dead": [number(letter), source == url.split("/")[-1]],
            "back": number(back),
            "left": [
                int(counts["ApproximateNumberOfMessages"]),
                int(counts["ApproximateNumberOfMessagesNotVisible"]),
            ],
            "error": "QueueDoesNotExist" if "NonExistentQueue" in refused.stderr else refused.stderr,
        }
    )
)
