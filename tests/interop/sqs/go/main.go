// The order story with aws-sdk-go-v2. See ../README.md for what every one of these programs does.
//
// usage: story ENDPOINT
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var ctx = context.Background()

type order struct {
	ID int `json:"id"`
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func body(n int) *string {
	return aws.String(string(must(json.Marshal(order{n}))))
}

func group(n int) *string { return aws.String(fmt.Sprintf("g%d", n%4)) }

func dedupe(n int) *string { return aws.String(fmt.Sprintf("order-%d", n)) }

func shop(n int) map[string]types.MessageAttributeValue {
	value := types.MessageAttributeValue{
		DataType:    aws.String("String"),
		StringValue: aws.String(fmt.Sprintf("shop %d", n)),
	}
	return map[string]types.MessageAttributeValue{"shop": value}
}

func number(message types.Message) int {
	var read order
	if err := json.Unmarshal([]byte(*message.Body), &read); err != nil {
		log.Fatal(err)
	}
	return read.ID
}

func last(text, separator string) string {
	return text[strings.LastIndex(text, separator)+1:]
}

func main() {
	client := sqs.New(sqs.Options{
		BaseEndpoint: aws.String(os.Args[1]),
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	create := func(name string, attributes map[string]string) *string {
		attributes["FifoQueue"] = "true"
		input := &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}
		return must(client.CreateQueue(ctx, input)).QueueUrl
	}
	attributes := func(url *string) map[string]string {
		all := []types.QueueAttributeName{types.QueueAttributeNameAll}
		input := &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: all}
		return must(client.GetQueueAttributes(ctx, input)).Attributes
	}
	receive := func(url *string) []types.Message {
		return must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:              url,
			WaitTimeSeconds:       5,
			MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameAll,
			},
		})).Messages
	}
	showAgain := func(url *string, message types.Message) {
		must(client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: url, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
		}))
	}

	dead := create("go-dead.fifo", map[string]string{})
	arn := attributes(dead)["QueueArn"]
	policy := must(json.Marshal(map[string]any{"deadLetterTargetArn": arn, "maxReceiveCount": 3}))
	url := create("go-orders.fifo", map[string]string{"RedrivePolicy": string(policy)})

	send := func(n int) (*sqs.SendMessageOutput, error) {
		return client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: body(n), MessageGroupId: group(n),
			MessageDeduplicationId: dedupe(n), MessageAttributes: shop(n),
		})
	}
	first := must(send(0))
	sent := 1
	for n := 1; n < 10; n++ {
		must(send(n))
		sent++
	}
	var entries []types.SendMessageBatchRequestEntry
	for n := 10; n < 20; n++ {
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(fmt.Sprint(n)), MessageBody: body(n), MessageGroupId: group(n),
			MessageDeduplicationId: dedupe(n), MessageAttributes: shop(n),
		})
	}
	batch := &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}
	sent += len(must(client.SendMessageBatch(ctx, batch)).Successful)
	again := must(send(0))

	groups := map[int][]int{}
	handled, kept, poisoned := 0, true, 0
	for handled < 19 {
		for _, message := range receive(url) {
			n := number(message)
			kept = kept && *message.MessageAttributes["shop"].StringValue == fmt.Sprintf("shop %d", n)
			if n == 7 {
				poisoned++
				showAgain(url, message)
				continue
			}
			must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{
				QueueUrl: url, ReceiptHandle: message.ReceiptHandle,
			}))
			groups[n%4] = append(groups[n%4], n)
			handled++
		}
	}
	inOrder := true
	for _, ids := range groups {
		inOrder = inOrder && sort.IntsAreSorted(ids)
	}

	letter := receive(dead)[0]
	source := last(letter.Attributes["DeadLetterQueueSourceArn"], ":")
	showAgain(dead, letter)
	must(client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &arn}))
	back := receive(url)[0]
	must(client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
		QueueUrl: url,
		Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("back"), ReceiptHandle: back.ReceiptHandle},
		},
	}))
	counts := attributes(url)
	must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url}))
	must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: dead}))
	_, err := send(20)
	var notFound *types.QueueDoesNotExist
	seen := ""
	if errors.As(err, &notFound) {
		seen = "QueueDoesNotExist"
	}

	count := func(name string) int {
		var value int
		must(fmt.Sscan(counts[name], &value))
		return value
	}
	fmt.Println(string(must(json.Marshal(map[string]any{
		"sent":       sent,
		"duplicate":  *again.MessageId == *first.MessageId,
		"handled":    handled,
		"in_order":   inOrder,
		"attributes": kept,
		"poisoned":   poisoned,
		"dead":       []any{number(letter), source == last(*url, "/")},
		"back":       number(back),
		"left": []int{
			count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"),
		},
		"error": seen,
	}))))
}
