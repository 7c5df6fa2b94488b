"""The order story with boto3. See ../README.md for what every one of these programs does.

usage: story.py ENDPOINT
"""

import json
import sys

import boto3
from botocore.config import Config

sqs = boto3.client(
    "sqs",
    endpoint_url=sys.argv[1],
    region_name="eu-west-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 0}),
)


def attributes(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def entry(n):
    return {
        "MessageBody": json.dumps({"id": n}),
        "MessageGroupId": f"g{n % 4}",
        "MessageDeduplicationId": f"order-{n}",
        "MessageAttributes": {"shop": {"DataType": "String", "StringValue": f"shop {n}"}},
    }


def receive(url):
    return sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=1,
        WaitTimeSeconds=5,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])


def number(message):
    return json.loads(message["Body"])["id"]


dead = sqs.create_queue(QueueName="py-dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
arn = attributes(dead)["QueueArn"]
policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
url = sqs.create_queue(
    QueueName="py-orders.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": policy}
)["QueueUrl"]

first = [sqs.send_message(QueueUrl=url, **entry(n)) for n in range(10)]
batch = [{"Id": str(n), **entry(n)} for n in range(10, 20)]
sent = len(first) + len(sqs.send_message_batch(QueueUrl=url, Entries=batch)["Successful"])
again = sqs.send_message(QueueUrl=url, **entry(0))

handled, kept, poisoned = [], True, 0
while len(handled) < 19:
    for message in receive(url):
        n = number(message)
        kept = kept and message["MessageAttributes"]["shop"]["StringValue"] == f"shop {n}"
        handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
        if n == 7:
            poisoned += 1
            sqs.change_message_visibility(VisibilityTimeout=0, **handle)
        else:
            sqs.delete_message(**handle)
            handled.append(n)

letter = receive(dead)[0]
source = letter["Attributes"]["DeadLetterQueueSourceArn"].split(":")[-1]
sqs.change_message_visibility(
    QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
)
sqs.start_message_move_task(SourceArn=arn)
back = receive(url)[0]
sqs.delete_message_batch(
    QueueUrl=url, Entries=[{"Id": "back", "ReceiptHandle": back["ReceiptHandle"]}]
)
counts = attributes(url)
sqs.delete_queue(QueueUrl=url)
sqs.delete_queue(QueueUrl=dead)
try:
    sqs.send_message(QueueUrl=url, **entry(20))
    error = ""
except sqs.exceptions.QueueDoesNotExist:
    error = "QueueDoesNotExist"

print(
    json.dumps(
        {
            "sent": sent,
            "duplicate": again["MessageId"] == first[0]["MessageId"],
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
            "error": error,
        }
    )
)
