// The order story with go-redis. See ../README.md for what every one of these programs does.
//
// usage: story HOST PORT
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const orders = 60

var ctx = context.Background()

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func connect() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: os.Args[1] + ":" + os.Args[2]})
}

func number(message redis.XMessage) int {
	return must(strconv.Atoi(message.Values["id"].(string)))
}

func add(id int, item string) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: "orders", Values: []string{"id", strconv.Itoa(id), "item", item}}
}

func read(client *redis.Client, consumer string, block time.Duration) []redis.XMessage {
	args := &redis.XReadGroupArgs{
		Group: "payment", Consumer: consumer, Streams: []string{"orders", ">"}, Count: 10, Block: block,
	}
	answer, err := client.XReadGroup(ctx, args).Result()
	if err == redis.Nil {
		return nil
	}
	return must(answer, err)[0].Messages
}

func main() {
	client := connect()
	must(client.FlushAll(ctx).Result())
	seen := map[string]any{}

	pipeline := client.Pipeline()
	for n := 0; n < orders; n++ {
		pipeline.XAdd(ctx, add(n, "book"))
	}
	seen["published"] = len(must(pipeline.Exec(ctx)))

	must(client.XGroupCreateMkStream(ctx, "orders", "payment", "0").Result())
	paid := int64(0)
	for {
		batch := read(client, "one", -1)
		if len(batch) == 0 {
			break
		}
		done := []string{}
		for _, message := range batch {
			if number(message)%10 != 3 {
				done = append(done, message.ID)
			}
		}
		paid += must(client.XAck(ctx, "orders", "payment", done...).Result())
	}
	seen["paid"] = paid
	seen["pending"] = must(client.XPending(ctx, "orders", "payment").Result()).Count
	args := &redis.XAutoClaimArgs{Stream: "orders", Group: "payment", Consumer: "two", Start: "0-0"}
	claimed, _, err := client.XAutoClaim(ctx, args).Result()
	must(claimed, err)
	numbers := []int{}
	for _, message := range claimed {
		numbers = append(numbers, number(message))
		must(client.XAck(ctx, "orders", "payment", message.ID).Result())
	}
	seen["claimed"] = numbers

	express := make(chan string)
	go func() {
		express <- read(connect(), "three", 10*time.Second)[0].Values["item"].(string)
	}()
	for !strings.Contains(must(client.Info(ctx, "clients").Result()), "blocked_clients:1") {
	}
	must(client.XAdd(ctx, add(60, "express")).Result())
	seen["express"] = <-express

	transaction := client.TxPipeline()
	transaction.XAdd(ctx, add(61, "pen"))
	transaction.Incr(ctx, "counter")
	seen["transaction"] = len(must(transaction.Exec(ctx)))

	subscriber := connect().Subscribe(ctx, "news")
	must(subscriber.Receive(ctx))
	must(client.Publish(ctx, "news", "hello").Result())
	seen["heard"] = must(subscriber.ReceiveMessage(ctx)).Payload

	first := must(client.SetNX(ctx, "lock", "me", time.Minute).Result())
	second := must(client.SetNX(ctx, "lock", "me", time.Minute).Result())
	seen["lock"] = []bool{first, second}
	must(client.ZAdd(ctx, "delayed", redis.Z{Score: 1, Member: "soon"}, redis.Z{Score: 100, Member: "late"}).Result())
	seen["due"] = must(client.ZRangeByScore(ctx, "delayed", &redis.ZRangeBy{Min: "-inf", Max: "50"}).Result())
	must(client.XTrimMaxLen(ctx, "orders", 10).Result())
	seen["trimmed"] = must(client.XLen(ctx, "orders").Result())
	_, err = client.XGroupCreate(ctx, "orders", "payment", "0").Result()
	seen["error"] = strings.Split(err.Error(), " ")[0]
	fmt.Println(string(must(json.Marshal(seen))))
}
