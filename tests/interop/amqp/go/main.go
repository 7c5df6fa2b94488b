// The order story with amqp091-go. See ../README.md for what every one of these programs does.
//
// usage: story AMQP_URL
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const orders = 60

type order struct {
	ID   int    `json:"id"`
	Item string `json:"item"`
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func patience() context.Context {
	ctx, _ := context.WithTimeout(context.Background(), 20*time.Second)
	return ctx
}

func declare(ch *amqp.Channel) {
	exchange := func(name, kind string) {
		check(ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
	}
	queue := func(name string, args amqp.Table) {
		must(ch.QueueDeclare(name, true, false, false, false, args))
	}
	exchange("orders", "topic")
	exchange("orders.dead", "fanout")
	exchange("orders.later", "fanout")
	queue("payment", amqp.Table{"x-dead-letter-exchange": "orders.dead"})
	queue("warehouse", amqp.Table{"x-dead-letter-exchange": "orders.later"})
	queue("warehouse.later", amqp.Table{
		"x-message-ttl":             int32(100),
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": "warehouse",
	})
	queue("dead", nil)
	queue("express", amqp.Table{"x-max-priority": int32(9)})
	check(ch.QueueBind("payment", "order.#", "orders", false, nil))
	check(ch.QueueBind("warehouse", "order.created", "orders", false, nil))
	check(ch.QueueBind("warehouse.later", "", "orders.later", false, nil))
	check(ch.QueueBind("dead", "", "orders.dead", false, nil))
}

// Every order is confirmed; one that nobody wants comes back.
func publishOrders(ch *amqp.Channel) map[string]any {
	check(ch.Confirm(false))
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirmed := 0
	send := func(key string, body []byte) {
		message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body}
		confirm := must(ch.PublishWithDeferredConfirmWithContext(patience(), "orders", key, true, false, message))
		if must(confirm.WaitContext(patience())) {
			confirmed++
		}
	}
	for n := 0; n < orders; n++ {
		send("order.created", must(json.Marshal(order{n, "book"})))
	}
	send("nobody.wants", []byte("?"))
	returned := <-returns
	return map[string]any{
		"confirmed": confirmed - 1,
		"returned":  []any{returned.ReplyCode, returned.ReplyText},
	}
}

// Hands deliveries to handle until it has said "done" count times.
func consume(ch *amqp.Channel, queue string, count int, handle func(amqp.Delivery) bool) {
	check(ch.Qos(10, 0, false))
	deliveries := must(ch.Consume(queue, "program", false, false, false, false, nil))
	for count > 0 {
		select {
		case delivery := <-deliveries:
			if handle(delivery) {
				count--
			}
		case <-patience().Done():
			panic("no more messages in " + queue)
		}
	}
	check(ch.Cancel("program", false))
}

func idOf(delivery amqp.Delivery) int {
	var read order
	check(json.Unmarshal(delivery.Body, &read))
	return read.ID
}

// Poisoned orders, every tenth, are refused for good.
func payment(ch *amqp.Channel) map[string]any {
	paid := []int{}
	consume(ch, "payment", orders, func(delivery amqp.Delivery) bool {
		if n := idOf(delivery); n%10 == 3 {
			check(delivery.Nack(false, false))
		} else {
			paid = append(paid, n)
			check(delivery.Ack(false))
		}
		return true
	})
	return map[string]any{"paid": len(paid), "in_order": sort.IntsAreSorted(paid)}
}

func deadLetters(ch *amqp.Channel) []any {
	deaths := []any{}
	consume(ch, "dead", orders/10, func(delivery amqp.Delivery) bool {
		death := delivery.Headers["x-death"].([]any)[0].(amqp.Table)
		first := delivery.Headers["x-first-death-queue"]
		deaths = append(deaths, []any{idOf(delivery), death["queue"], death["reason"],
			death["exchange"], death["routing-keys"], death["count"], first})
		check(delivery.Ack(false))
		return true
	})
	sort.Slice(deaths, func(a, b int) bool {
		return deaths[a].([]any)[0].(int) < deaths[b].([]any)[0].(int)
	})
	return deaths
}

func refusals(delivery amqp.Delivery) (count int64) {
	deaths, _ := delivery.Headers["x-death"].([]any)
	for _, death := range deaths {
		if death.(amqp.Table)["reason"] == "rejected" {
			count += death.(amqp.Table)["count"].(int64)
		}
	}
	return count
}

// The warehouse is down for every tenth order: it waits twice, and is then taken.
func warehouse(ch *amqp.Channel) map[string]any {
	taken := 0
	waited := []int{}
	consume(ch, "warehouse", orders, func(delivery amqp.Delivery) bool {
		n, refused := idOf(delivery), refusals(delivery)
		if n%10 == 7 && refused < 2 {
			check(delivery.Reject(false))
			return false
		}
		if refused == 2 {
			waited = append(waited, n)
		}
		taken++
		check(delivery.Ack(false))
		return true
	})
	sort.Ints(waited)
	return map[string]any{"taken": taken, "waited": waited}
}

// What is urgent goes first, and among equals the older one.
func express(ch *amqp.Channel) bool {
	for n := 0; n < 30; n++ {
		message := amqp.Publishing{Priority: uint8(n % 10), Body: []byte(strconv.Itoa(n))}
		confirm := must(ch.PublishWithDeferredConfirmWithContext(patience(), "", "express", false, false, message))
		must(confirm.WaitContext(patience()))
	}
	seen := []int{}
	consume(ch, "express", 30, func(delivery amqp.Delivery) bool {
		seen = append(seen, int(delivery.Priority)*-100+must(strconv.Atoi(string(delivery.Body))))
		check(delivery.Ack(false))
		return true
	})
	return sort.IntsAreSorted(seen)
}

func serveStock(ch *amqp.Channel) {
	must(ch.QueueDeclare("stock", false, true, false, false, nil))
	requests := must(ch.Consume("stock", "", false, false, false, false, nil))
	go func() {
		for request := range requests {
			check(ch.PublishWithContext(patience(), "", request.ReplyTo, false, false, amqp.Publishing{
				CorrelationId: request.CorrelationId,
				Body:          append(request.Body, " in stock"...),
			}))
			check(request.Ack(false))
		}
	}()
}

// RPC, with replies that nobody stores.
func askStock(ch *amqp.Channel) map[string]string {
	const replyTo = "amq.rabbitmq.reply-to"
	answers := map[string]string{}
	replies := must(ch.Consume(replyTo, "", true, false, false, false, nil))
	for _, item := range []string{"pen", "book", "last"} {
		check(ch.PublishWithContext(patience(), "", "stock", false, false, amqp.Publishing{
			ReplyTo: replyTo, CorrelationId: item, Body: []byte(item),
		}))
		select {
		case reply := <-replies:
			answers[reply.CorrelationId] = string(reply.Body)
		case <-patience().Done():
			panic("no reply")
		}
	}
	return answers
}

func main() {
	connection := must(amqp.Dial(os.Args[1]))
	ch := must(connection.Channel())
	declare(ch)
	story := map[string]any{"published": publishOrders(ch)}
	story["payment"] = payment(ch)
	story["dead"] = deadLetters(ch)
	story["warehouse"] = warehouse(ch)
	story["express"] = express(ch)
	server := must(amqp.Dial(os.Args[1]))
	serveStock(must(server.Channel()))
	story["stock"] = askStock(must(connection.Channel()))
	check(server.Close())
	for _, queue := range []string{"payment", "warehouse", "warehouse.later", "dead", "express"} {
		if left := must(ch.QueueDelete(queue, false, false, false)); left != 0 {
			panic(queue + " is not empty")
		}
	}
	for _, exchange := range []string{"orders", "orders.dead", "orders.later"} {
		check(ch.ExchangeDelete(exchange, false, false))
	}
	check(connection.Close())
	fmt.Println(string(must(json.Marshal(story))))
}
