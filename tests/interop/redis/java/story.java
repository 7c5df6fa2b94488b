// The order story with Jedis. See ../README.md for what every one of these programs does.
//
// usage: Story HOST PORT

import com.google.gson.Gson;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.params.XAddParams;
import redis.clients.jedis.params.XAutoClaimParams;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.params.XTrimParams;
import redis.clients.jedis.resps.StreamEntry;

class Story {
  static final int ORDERS = 60;
  static String[] address;

  static Jedis connect() {
    return new Jedis(address[0], Integer.parseInt(address[1]), 20000);
  }

  static Map<String, String> order(int id, String item) {
    return Map.of("id", String.valueOf(id), "item", item);
  }

  static List<StreamEntry> read(Jedis client, String consumer, XReadGroupParams params) {
    var streams = Map.of("orders", StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY);
    var answer = client.xreadGroup("payment", consumer, params, streams);
    return answer == null || answer.isEmpty() ? List.of() : answer.get(0).getValue();
  }

  static int number(StreamEntry entry) {
    return Integer.parseInt(entry.getFields().get("id"));
  }

  public static void main(String[] args) throws Exception {
    address = args;
    var seen = new LinkedHashMap<String, Object>();
    var client = connect();
    client.flushAll();

    var pipeline = client.pipelined();
    for (int n = 0; n < ORDERS; n++) pipeline.xadd("orders", XAddParams.xAddParams(), order(n, "book"));
    seen.put("published", pipeline.syncAndReturnAll().size());

    client.xgroupCreate("orders", "payment", new StreamEntryID("0-0"), true);
    long paid = 0;
    while (true) {
      var batch = read(client, "one", XReadGroupParams.xReadGroupParams().count(10));
      if (batch.isEmpty()) break;
      var done = batch.stream().filter(entry -> number(entry) % 10 != 3).map(StreamEntry::getID);
      paid += client.xack("orders", "payment", done.toArray(StreamEntryID[]::new));
    }
    seen.put("paid", paid);
    seen.put("pending", client.xpending("orders", "payment").getTotal());
    var start = new StreamEntryID("0-0");
    var claimed = client.xautoclaim("orders", "payment", "two", 0, start, new XAutoClaimParams()).getValue();
    var numbers = new ArrayList<Integer>();
    for (var entry : claimed) {
      numbers.add(number(entry));
      client.xack("orders", "payment", entry.getID());
    }
    seen.put("claimed", numbers);

    var express = CompletableFuture.supplyAsync(() -> {
      var params = XReadGroupParams.xReadGroupParams().block(10000);
      return read(connect(), "three", params).get(0).getFields().get("item");
    });
    while (!client.info("clients").contains("blocked_clients:1")) Thread.onSpinWait();
    client.xadd("orders", XAddParams.xAddParams(), order(60, "express"));
    seen.put("express", express.get());

    var transaction = client.multi();
    transaction.xadd("orders", XAddParams.xAddParams(), order(61, "pen"));
    transaction.incr("counter");
    seen.put("transaction", transaction.exec().size());

    var heard = new CompletableFuture<String>();
    var listening = new CompletableFuture<Void>();
    var subscriber = new JedisPubSub() {
      @Override
      public void onSubscribe(String channel, int count) {
        listening.complete(null);
      }

      @Override
      public void onMessage(String channel, String message) {
        heard.complete(message);
        unsubscribe();
      }
    };
    var thread = new Thread(() -> connect().subscribe(subscriber, "news"));
    thread.start();
    listening.get();
    client.publish("news", "hello");
    seen.put("heard", heard.get());
    thread.join();

    var once = SetParams.setParams().nx().px(60000);
    var first = client.set("lock", "me", once) != null;
    seen.put("lock", List.of(first, client.set("lock", "me", once) != null));
    client.zadd("delayed", Map.of("soon", 1.0, "late", 100.0));
    seen.put("due", client.zrangeByScore("delayed", "-inf", "50"));
    client.xtrim("orders", XTrimParams.xTrimParams().maxLen(10).exactTrimming());
    seen.put("trimmed", client.xlen("orders"));
    try {
      client.xgroupCreate("orders", "payment", start, false);
    } catch (JedisDataException error) {
      seen.put("error", error.getMessage().split(" ")[0]);
    }
    System.out.println(new Gson().toJson(seen));
    System.exit(0);
  }
}
