import com.google.gson.Gson;
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Return;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.RpcServer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The order story with RabbitMQ's Java client. See ../README.md for what every one of these programs
 * does.
 *
 * <p>usage: Story AMQP_URL
 */
class Story {
  static final int ORDERS = 60;
  static final Gson GSON = new Gson();

  interface Handler {
    /** True when this message is one of those that are counted. */
    boolean handle(Delivery delivery) throws Exception;
  }

  final Channel channel;

  Story(Channel channel) {
    this.channel = channel;
  }

  void declare() throws Exception {
    channel.exchangeDeclare("orders", "topic", true);
    channel.exchangeDeclare("orders.dead", "fanout", true);
    channel.exchangeDeclare("orders.later", "fanout", true);
    queue("payment", Map.of("x-dead-letter-exchange", "orders.dead"));
    queue("warehouse", Map.of("x-dead-letter-exchange", "orders.later"));
    queue(
        "warehouse.later",
        Map.of(
            "x-message-ttl", 100,
            "x-dead-letter-exchange", "",
            "x-dead-letter-routing-key", "warehouse"));
    queue("dead", Map.of());
    queue("express", Map.of("x-max-priority", 9));
    channel.queueBind("payment", "orders", "order.#");
    channel.queueBind("warehouse", "orders", "order.created");
    channel.queueBind("warehouse.later", "orders.later", "");
    channel.queueBind("dead", "orders.dead", "");
  }

  void queue(String name, Map<String, Object> arguments) throws Exception {
    channel.queueDeclare(name, true, false, false, arguments);
  }

  /** Every order is confirmed; one that nobody wants comes back. */
  Map<String, Object> publishOrders() throws Exception {
    BlockingQueue<Return> returns = new LinkedBlockingQueue<>();
    channel.addReturnListener(returns::add);
    channel.confirmSelect();
    for (int n = 0; n < ORDERS; n++) {
      byte[] body = GSON.toJson(Map.of("id", n, "item", "book")).getBytes("UTF-8");
      BasicProperties properties = MessageProperties.PERSISTENT_TEXT_PLAIN;
      channel.basicPublish("orders", "order.created", true, properties, body);
    }
    channel.waitForConfirmsOrDie(20_000);
    channel.basicPublish("orders", "nobody.wants", true, null, new byte[] {'?'});
    channel.waitForConfirmsOrDie(20_000);
    Return returned = returns.poll(20, TimeUnit.SECONDS);
    return Map.of(
        "confirmed", ORDERS,
        "returned", List.of(returned.getReplyCode(), returned.getReplyText()));
  }

  void consume(String queue, int count, Handler handler) throws Exception {
    BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
    channel.basicQos(10);
    String tag = channel.basicConsume(queue, false, (t, delivery) -> deliveries.add(delivery), t -> {});
    while (count > 0) {
      Delivery delivery = deliveries.poll(20, TimeUnit.SECONDS);
      if (delivery == null) throw new IllegalStateException("no more messages in " + queue);
      if (handler.handle(delivery)) count--;
    }
    channel.basicCancel(tag);
  }

  static int idOf(Delivery delivery) throws Exception {
    Map<?, ?> order = GSON.fromJson(new String(delivery.getBody(), "UTF-8"), Map.class);
    return ((Number) order.get("id")).intValue();
  }

  static long tagOf(Delivery delivery) {
    return delivery.getEnvelope().getDeliveryTag();
  }

  /** Poisoned orders, every tenth, are refused for good. */
  Map<String, Object> payment() throws Exception {
    List<Integer> paid = new ArrayList<>();
    consume("payment", ORDERS, delivery -> {
      int n = idOf(delivery);
      if (n % 10 == 3) {
        channel.basicNack(tagOf(delivery), false, false);
      } else {
        paid.add(n);
        channel.basicAck(tagOf(delivery), false);
      }
      return true;
    });
    List<Integer> sorted = new ArrayList<>(paid);
    Collections.sort(sorted);
    return Map.of("paid", paid.size(), "in_order", paid.equals(sorted));
  }

  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> deathsOf(Delivery delivery) {
    Map<String, Object> headers = delivery.getProperties().getHeaders();
    Object deaths = headers == null ? null : headers.get("x-death");
    return deaths == null ? List.of() : (List<Map<String, Object>>) deaths;
  }

  /** Long strings are objects of their own in this client. */
  static Object plain(Object value) {
    if (value instanceof LongString) return value.toString();
    if (value instanceof List) return ((List<?>) value).stream().map(Story::plain).toList();
    return value;
  }

  List<Object> deadLetters() throws Exception {
    Map<Integer, Object> deaths = new TreeMap<>();
    consume("dead", ORDERS / 10, delivery -> {
      Map<String, Object> death = deathsOf(delivery).get(0);
      List<Object> row = new ArrayList<>(List.of(idOf(delivery)));
      for (String name : List.of("queue", "reason", "exchange", "routing-keys", "count")) {
        row.add(plain(death.get(name)));
      }
      row.add(plain(delivery.getProperties().getHeaders().get("x-first-death-queue")));
      deaths.put(idOf(delivery), row);
      channel.basicAck(tagOf(delivery), false);
      return true;
    });
    return new ArrayList<>(deaths.values());
  }

  static long refusals(Delivery delivery) {
    long count = 0;
    for (Map<String, Object> death : deathsOf(delivery)) {
      if (plain(death.get("reason")).equals("rejected")) count += (Long) death.get("count");
    }
    return count;
  }

  /** The warehouse is down for every tenth order: it waits twice, and is then taken. */
  Map<String, Object> warehouse() throws Exception {
    Map<Integer, Long> taken = new TreeMap<>();
    consume("warehouse", ORDERS, delivery -> {
      int n = idOf(delivery);
      long refused = refusals(delivery);
      if (n % 10 == 7 && refused < 2) {
        channel.basicReject(tagOf(delivery), false);
        return false;
      }
      taken.put(n, refused);
      channel.basicAck(tagOf(delivery), false);
      return true;
    });
    List<Integer> waited = taken.keySet().stream().filter(n -> taken.get(n) == 2).toList();
    return Map.of("taken", taken.size(), "waited", waited);
  }

  /** What is urgent goes first, and among equals the older one. */
  boolean express() throws Exception {
    for (int n = 0; n < 30; n++) {
      BasicProperties properties = new BasicProperties.Builder().priority(n % 10).build();
      channel.basicPublish("", "express", properties, String.valueOf(n).getBytes("UTF-8"));
    }
    channel.waitForConfirmsOrDie(20_000);
    List<Integer> seen = new ArrayList<>();
    consume("express", 30, delivery -> {
      int n = Integer.parseInt(new String(delivery.getBody(), "UTF-8"));
      seen.add(n - 100 * delivery.getProperties().getPriority());
      channel.basicAck(tagOf(delivery), false);
      return true;
    });
    List<Integer> sorted = new ArrayList<>(seen);
    Collections.sort(sorted);
    return seen.equals(sorted);
  }

  /** RPC, with replies that nobody stores: the client's own helpers. */
  static Map<String, String> askStock(Connection serving, Connection asking) throws Exception {
    Channel channel = serving.createChannel();
    channel.queueDeclare("stock", false, false, true, null);
    RpcServer server = new RpcServer(channel, "stock") {
      @Override
      public byte[] handleCall(byte[] body, BasicProperties reply) {
        return (new String(body) + " in stock").getBytes();
      }
    };
    Thread thread = new Thread(() -> {
      try {
        server.mainloop();
      } catch (Exception error) {
        error.printStackTrace();
      }
    });
    thread.start();
    RpcClientParams params = new RpcClientParams()
        .channel(asking.createChannel()).exchange("").routingKey("stock").timeout(20_000);
    RpcClient client = new RpcClient(params);
    Map<String, String> answers = new TreeMap<>();
    for (String item : List.of("pen", "book", "last")) answers.put(item, client.stringCall(item));
    server.terminateMainloop();
    thread.join(20_000);
    return answers;
  }

  public static void main(String[] arguments) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(arguments[0]);
    try (Connection connection = factory.newConnection();
        Connection serving = factory.newConnection()) {
      Story story = new Story(connection.createChannel());
      story.declare();
      Map<String, Object> told = new TreeMap<>();
      told.put("published", story.publishOrders());
      told.put("payment", story.payment());
      told.put("dead", story.deadLetters());
      told.put("warehouse", story.warehouse());
      told.put("express", story.express());
      told.put("stock", askStock(serving, connection));
      for (String queue : List.of("payment", "warehouse", "warehouse.later", "dead", "express")) {
        if (story.channel.queueDelete(queue).getMessageCount() != 0) {
          throw new IllegalStateException(queue + " is not empty");
        }
      }
      for (String exchange : List.of("orders", "orders.dead", "orders.later")) {
        story.channel.exchangeDelete(exchange);
      }
      System.out.println(GSON.toJson(told));
    }
  }
}
