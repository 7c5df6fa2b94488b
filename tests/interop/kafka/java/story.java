// The order story with Kafka's Java client. See ../README.md.
//
// usage: Story HOST:PORT

import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;

class Story {
  static final String run = String.valueOf(System.currentTimeMillis());
  static final String orders = "orders-" + run, invoices = "invoices-" + run, group = "payment-" + run;
  static String servers;

  static Map<String, Object> settings(Object... more) {
    Map<String, Object> all = new HashMap<>();
    all.put("bootstrap.servers", servers);
    for (String side : List.of("key.", "value.")) {
      String folder = "org.apache.kafka.common.serialization.String";
      all.put(side + "serializer", folder + "Serializer");
      all.put(side + "deserializer", folder + "Deserializer");
    }
    for (int index = 0; index < more.length; index += 2) all.put((String) more[index], more[index + 1]);
    return all;
  }

  static KafkaConsumer<String, String> consumer(String id, Object... more) {
    Map<String, Object> all = settings(more);
    all.put("group.id", id);
    all.put("auto.offset.reset", "earliest");
    all.put("enable.auto.commit", false);
    return new KafkaConsumer<>(all);
  }

  static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> member, int count, int seconds) {
    List<ConsumerRecord<String, String>> taken = new ArrayList<>();
    long end = System.currentTimeMillis() + seconds * 1000L;
    while (taken.size() < count && System.currentTimeMillis() < end) {
      for (ConsumerRecord<String, String> each : member.poll(Duration.ofMillis(500))) taken.add(each);
    }
    return taken;
  }

  public static void main(String[] args) throws Exception {
    servers = args[0];
    try (Admin admin = Admin.create(settings())) {
      admin.createTopics(List.of(new NewTopic(orders, 3, (short) 1), new NewTopic(invoices, 1, (short) 1))).all().get();
    }
    int confirmed = 0;
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings("compression.type", "zstd"))) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int number = 0; number < 60; number++) {
        ProducerRecord<String, String> order = new ProducerRecord<>(orders, "user-" + number % 6, String.valueOf(number));
        order.headers().add("event-type", "ORDER_CREATED".getBytes());
        sent.add(producer.send(order));
      }
      for (Future<RecordMetadata> each : sent) if (each.get().hasOffset()) confirmed++;
    }

    // The new protocol of groups, in which the broker assigns.
    List<ConsumerRecord<String, String>> messages;
    try (KafkaConsumer<String, String> first = consumer(group, "group.protocol", "consumer", "max.poll.records", 5)) {
      first.subscribe(List.of(orders));
      messages = take(first, 25, 20);
      first.commitSync();
    }
    KafkaConsumer<String, String> second = consumer(group, "group.protocol", "consumer");
    second.subscribe(List.of(orders));
    messages.addAll(take(second, 60 - messages.size(), 20));

    Set<Integer> ids = new HashSet<>();
    Map<String, Integer> last = new HashMap<>();
    boolean inOrder = true;
    int withHeader = 0;
    for (ConsumerRecord<String, String> each : messages) {
      int id = Integer.parseInt(each.value());
      ids.add(id);
      Integer before = last.put(each.key(), id);
      if (before != null && before > id) inOrder = false;
      if (each.headers().lastHeader("event-type") != null) withHeader++;
    }

    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings("transactional.id", "invoices-" + run))) {
      producer.initTransactions();
      producer.beginTransaction();
      for (int number = 0; number < 10; number++) producer.send(new ProducerRecord<>(invoices, "invoice " + number));
      Map<TopicPartition, OffsetAndMetadata> places = new HashMap<>();
      for (TopicPartition each : second.assignment()) places.put(each, new OffsetAndMetadata(second.position(each)));
      producer.sendOffsetsToTransaction(places, second.groupMetadata());
      producer.commitTransaction();
      producer.beginTransaction();
      for (int number = 0; number < 5; number++) producer.send(new ProducerRecord<>(invoices, "draft " + number));
      producer.flush();
      producer.abortTransaction();
    }
    second.close();

    int seen = 0, drafts = 0;
    long places = 0;
    try (KafkaConsumer<String, String> reader = consumer("reader-" + run, "isolation.level", "read_committed")) {
      List<TopicPartition> all = List.of(new TopicPartition(invoices, 0));
      reader.assign(all);
      reader.seekToBeginning(all);
      for (ConsumerRecord<String, String> each : take(reader, 11, 5)) {
        seen++;
        if (each.value().startsWith("draft")) drafts++;
      }
    }
    try (Admin admin = Admin.create(settings())) {
      for (OffsetAndMetadata each : admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values()) {
        places += each.offset();
      }
    }
    System.out.printf(
        "{\"confirmed\":%d,\"payment\":{\"taken\":%d,\"twice\":%d,\"in_order\":%b,\"with_header\":%d},\"invoices\":%d,\"drafts\":%d,\"places\":%d}%n",
        confirmed, ids.size(), messages.size() - ids.size(), inOrder, withHeader, seen, drafts, places);
  }
}
