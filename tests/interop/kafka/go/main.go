// The order story with franz-go. See ../README.md.
//
// usage: story HOST:PORT
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	run      = strconv.FormatInt(time.Now().UnixMilli(), 10)
	orders   = "orders-" + run
	invoices = "invoices-" + run
	group    = "payment-" + run
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(os.Args[1]))...)
	check(err)
	return made
}

// take polls until there are so many, or the time is over.
func take(from *kgo.Client, count int, patience time.Duration) []*kgo.Record {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var taken []*kgo.Record
	for len(taken) < count && ctx.Err() == nil {
		fetches := from.PollRecords(ctx, count-len(taken))
		taken = append(taken, fetches.Records()...)
	}
	return taken
}

func member() *kgo.Client {
	return client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(orders), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	admin := kadm.NewClient(client())
	_, err := admin.CreateTopic(ctx, 3, 1, nil, orders)
	check(err)
	_, err = admin.CreateTopic(ctx, 1, 1, nil, invoices)
	check(err)

	producer := client(kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	var records []*kgo.Record
	for number := range 60 {
		records = append(records, &kgo.Record{
			Topic:   orders,
			Key:     []byte(fmt.Sprintf("user-%d", number%6)),
			Value:   []byte(strconv.Itoa(number)),
			Headers: []kgo.RecordHeader{{Key: "event-type", Value: []byte("ORDER_CREATED")}},
		})
	}
	results := producer.ProduceSync(ctx, records...)
	check(results.FirstErr())
	producer.Close()

	first := member()
	messages := take(first, 25, 20*time.Second)
	check(first.CommitRecords(ctx, messages...))
	first.Close()
	second := member()
	messages = append(messages, take(second, 60-len(messages), 20*time.Second)...)
	second.Close()

	ids := map[int]bool{}
	users := map[string][]int{}
	withHeader := 0
	for _, each := range messages {
		number, err := strconv.Atoi(string(each.Value))
		check(err)
		ids[number] = true
		users[string(each.Key)] = append(users[string(each.Key)], number)
		if len(each.Headers) == 1 && each.Headers[0].Key == "event-type" {
			withHeader++
		}
	}
	inOrder := true
	for _, numbers := range users {
		inOrder = inOrder && sort.IntsAreSorted(numbers)
	}

	// A session consumes and produces in one transaction: the places go with the invoices.
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(os.Args[1]),
		kgo.TransactionalID("invoices-"+run), kgo.ConsumerGroup(group+"-invoices"),
		kgo.ConsumeTopics(orders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	check(err)
	paid := 0
	check(session.Begin())
	for paid < 60 {
		paid += session.PollFetches(ctx).NumRecords()
	}
	for number := range 10 {
		session.Produce(ctx, &kgo.Record{Topic: invoices, Value: []byte(fmt.Sprintf("invoice %d", number))}, nil)
	}
	_, err = session.End(ctx, kgo.TryCommit)
	check(err)
	session.Close()
	drafts := client(kgo.TransactionalID("drafts-" + run))
	check(drafts.BeginTransaction())
	for number := range 5 {
		drafts.Produce(ctx, &kgo.Record{Topic: invoices, Value: []byte(fmt.Sprintf("draft %d", number))}, nil)
	}
	check(drafts.Flush(ctx))
	check(drafts.EndTransaction(ctx, kgo.TryAbort))
	drafts.Close()

	reader := client(kgo.ConsumeTopics(invoices), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen, draftsSeen := 0, 0
	for _, each := range take(reader, 11, 5*time.Second) {
		seen++
		if strings.HasPrefix(string(each.Value), "draft") {
			draftsSeen++
		}
	}
	reader.Close()
	committed, err := admin.FetchOffsets(ctx, group+"-invoices")
	check(err)
	var places int64
	committed.Each(func(each kadm.OffsetResponse) { places += each.At })

	line, err := json.Marshal(map[string]any{
		"confirmed": len(results),
		"payment": map[string]any{
			"taken": len(ids), "twice": len(messages) - len(ids), "in_order": inOrder, "with_header": withHeader,
		},
		"invoices": seen, "drafts": draftsSeen, "places": places,
	})
	check(err)
	fmt.Println(string(line))
}
