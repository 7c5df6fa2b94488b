// A share group with Kafka's Java client: two members, records that are released, rejected, given up.
//
// usage: Share HOST:PORT

import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

class Share {
  static final String topic = "work-" + System.currentTimeMillis();
  static String servers;

  static ShareConsumer<String, String> member(String group, String mode) {
    Map<String, Object> all = new HashMap<>();
    all.put("bootstrap.servers", servers);
    all.put("group.id", group);
    all.put("share.acknowledgement.mode", mode);
    ShareConsumer<String, String> member =
        new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    member.subscribe(List.of(topic));
    return member;
  }

  static void fromTheBeginning(Admin admin, String group) throws Exception {
    ConfigEntry entry = new ConfigEntry("share.auto.offset.reset", "earliest");
    List<AlterConfigOp> change = List.of(new AlterConfigOp(entry, AlterConfigOp.OpType.SET));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
    admin.incrementalAlterConfigs(Map.of(resource, change)).all().get();
  }

  public static void main(String[] args) throws Exception {
    servers = args[0];
    Admin admin = Admin.create(Map.of("bootstrap.servers", servers));
    admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get();
    Map<String, Object> settings = Map.of("bootstrap.servers", servers, "compression.type", "lz4");
    try (Producer<String, String> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (int index = 0; index < 60; index++) {
        producer.send(new ProducerRecord<>(topic, index % 2, "key", String.valueOf(index)));
      }
    }

    String pair = topic + "-pair";
    fromTheBeginning(admin, pair);
    Map<String, Integer> seen = new HashMap<>();
    List<ShareConsumer<String, String>> members = List.of(member(pair, "implicit"), member(pair, "implicit"));
    long end = System.currentTimeMillis() + 30_000;
    while (seen.size() < 60 && System.currentTimeMillis() < end) {
      for (var each : members) {
        for (var record : each.poll(Duration.ofMillis(200))) seen.merge(record.value(), 1, Integer::sum);
      }
    }
    for (var each : members) {
      each.commitSync();
      each.close();
    }
    long twice = seen.values().stream().filter(count -> count > 1).count();

    // Every third is released until it has come five times, every third is rejected.
    String picky = topic + "-picky";
    fromTheBeginning(admin, picky);
    int deliveries = 0, most = 0;
    try (var alone = member(picky, "explicit")) {
      end = System.currentTimeMillis() + 30_000;
      while (deliveries < 40 + 20 * 5 && System.currentTimeMillis() < end) {
        for (var record : alone.poll(Duration.ofMillis(200))) {
          deliveries++;
          most = Math.max(most, record.deliveryCount().get());
          alone.acknowledge(record, AcknowledgeType.forId((byte) (1 + Integer.parseInt(record.value()) % 3)));
        }
      }
      alone.commitSync();
      deliveries += alone.poll(Duration.ofMillis(1000)).count();
    }
    String state = admin.describeShareGroups(List.of(picky)).all().get().get(picky).groupState().toString();
    admin.deleteShareGroups(List.of(picky, pair)).all().get();
    admin.close();
    System.out.printf(
        "{\"shared\":%d,\"twice\":%d,\"deliveries\":%d,\"most\":%d,\"state\":\"%s\"}%n",
        seen.size(), twice, deliveries, most, state);
  }
}
