import com.google.gson.Gson;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.amqp.AmqpRejectAndDontRequeueException;
import org.springframework.amqp.core.Binding;
import org.springframework.amqp.core.BindingBuilder;
import org.springframework.amqp.core.FanoutExchange;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.core.Queue;
import org.springframework.amqp.core.QueueBuilder;
import org.springframework.amqp.core.TopicExchange;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory.ConfirmType;
import org.springframework.amqp.rabbit.connection.CorrelationData;
import org.springframework.amqp.rabbit.core.RabbitAdmin;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.rabbit.listener.SimpleMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.adapter.MessageListenerAdapter;

/**
 * The order story with Spring AMQP: admin, template and listener containers. See ../README.md for what
 * every one of these programs does.
 *
 * <p>usage: Story AMQP_URL
 */
class Story {
  static final int ORDERS = 60;

  final CachingConnectionFactory connections;
  final RabbitAdmin admin;
  final RabbitTemplate template;

  Story(String url) {
    connections = new CachingConnectionFactory(URI.create(url));
    connections.setPublisherConfirmType(ConfirmType.CORRELATED);
    connections.setPublisherReturns(true);
    admin = new RabbitAdmin(connections);
    template = new RabbitTemplate(connections);
    template.setMandatory(true);
    template.setReplyTimeout(20_000);
  }

  void declare() {
    TopicExchange orders = new TopicExchange("spring.orders");
    FanoutExchange later = new FanoutExchange("spring.later");
    Queue warehouse = QueueBuilder.durable("spring.warehouse").deadLetterExchange("spring.later").build();
    Queue waiting = QueueBuilder.durable("spring.waiting").ttl(100)
        .deadLetterExchange("").deadLetterRoutingKey("spring.warehouse").build();
    Queue dead = QueueBuilder.durable("spring.dead").build();
    Queue express = QueueBuilder.durable("spring.express").maxPriority(9).build();
    admin.declareExchange(orders);
    admin.declareExchange(later);
    for (Queue queue : List.of(warehouse, waiting, dead, express, new Queue("spring.stock"))) {
      admin.declareQueue(queue);
    }
    for (Binding binding : List.of(
        BindingBuilder.bind(warehouse).to(orders).with("order.*"),
        BindingBuilder.bind(waiting).to(later))) {
      admin.declareBinding(binding);
    }
  }

  /** Every order is confirmed; one that nobody wants comes back. */
  Map<String, Object> publishOrders() throws Exception {
    int confirmed = 0;
    for (int n = 0; n < ORDERS; n++) {
      CorrelationData data = new CorrelationData(String.valueOf(n));
      template.convertAndSend("spring.orders", "order.created", String.valueOf(n), data);
      if (data.getFuture().get(20, TimeUnit.SECONDS).isAck()) confirmed++;
    }
    CorrelationData data = new CorrelationData("unwanted");
    template.convertAndSend("spring.orders", "nobody.wants", "?", data);
    data.getFuture().get(20, TimeUnit.SECONDS);
    return Map.of(
        "confirmed", confirmed,
        "returned", List.of(data.getReturned().getReplyCode(), data.getReturned().getReplyText()));
  }

  static long deaths(Message message, String reason) {
    List<Map<String, ?>> deaths = message.getMessageProperties().getXDeathHeader();
    if (deaths == null) return 0;
    return deaths.stream().filter(death -> death.get("reason").toString().equals(reason))
        .mapToLong(death -> (Long) death.get("count")).sum();
  }

  /** Every tenth order waits twice; what is poisoned is given up then. */
  Map<String, Object> warehouse() throws Exception {
    CountDownLatch done = new CountDownLatch(ORDERS);
    ConcurrentSkipListSet<Integer> waited = new ConcurrentSkipListSet<>();
    AtomicInteger taken = new AtomicInteger();
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(connections);
    container.setQueueNames("spring.warehouse");
    container.setPrefetchCount(10);
    container.setConcurrentConsumers(2);
    container.setErrorHandler(error -> {});
    container.setMessageListener(message -> {
      int n = Integer.parseInt(new String(message.getBody()));
      long refused = deaths(message, "rejected");
      if (n % 10 == 7 && refused < 2) throw new AmqpRejectAndDontRequeueException("down");
      if (refused == 2) waited.add(n);
      if (n % 10 == 3) template.send("", "spring.dead", message);
      else taken.incrementAndGet();
      done.countDown();
    });
    container.start();
    if (!done.await(30, TimeUnit.SECONDS)) throw new IllegalStateException("orders are missing");
    container.stop();
    Object dead = admin.getQueueInfo("spring.dead").getMessageCount();
    return Map.of("taken", taken.get(), "waited", List.copyOf(waited), "dead", dead);
  }

  /** What is urgent goes first. */
  boolean express() {
    for (int n = 0; n < 30; n++) {
      int priority = n % 10;
      template.convertAndSend("", "spring.express", String.valueOf(n), message -> {
        message.getMessageProperties().setPriority(priority);
        return message;
      });
    }
    int last = Integer.MIN_VALUE;
    boolean sorted = true;
    for (int count = 0; count < 30; count++) {
      Message message = template.receive("spring.express", 20_000);
      int rank = Integer.parseInt(new String(message.getBody()))
          - 100 * message.getMessageProperties().getPriority();
      sorted = sorted && rank > last;
      last = rank;
    }
    return sorted;
  }

  public static class Stock {
    public String answer(String item) {
      return item + " in stock";
    }
  }

  /** RPC over direct reply-to, which the template prefers. */
  Map<String, Object> askStock() {
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(connections);
    container.setQueueNames("spring.stock");
    container.setMessageListener(new MessageListenerAdapter(new Stock(), "answer"));
    container.start();
    Map<String, Object> answers = new TreeMap<>();
    for (String item : List.of("pen", "book", "last")) {
      answers.put(item, template.convertSendAndReceive("", "spring.stock", item));
    }
    container.stop();
    return answers;
  }

  void clear() {
    for (String queue : List.of("warehouse", "waiting", "dead", "express", "stock")) {
      admin.deleteQueue("spring." + queue);
    }
    admin.deleteExchange("spring.orders");
    admin.deleteExchange("spring.later");
    connections.destroy();
  }

  public static void main(String[] arguments) throws Exception {
    Story story = new Story(arguments[0]);
    story.declare();
    Map<String, Object> told = new TreeMap<>();
    told.put("published", story.publishOrders());
    told.put("warehouse", story.warehouse());
    told.put("express", story.express());
    told.put("stock", story.askStock());
    story.clear();
    System.out.println(new Gson().toJson(told));
    System.exit(0);
  }
}
