// Transactions of so many records each, one after another, with Kafka's Java client.
//
// usage: Transactions HOST:PORT TOPIC TRANSACTIONS RECORDS BYTES
// The first tenth of them is not counted. Prints transactions a second.

import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class Transactions {
  public static void main(String[] args) {
    String topic = args[1];
    int transactions = Integer.parseInt(args[2]), records = Integer.parseInt(args[3]);
    byte[] value = new byte[Integer.parseInt(args[4])];
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", args[0]);
    settings.put("transactional.id", topic);
    settings.put("key.serializer", ByteArraySerializer.class);
    settings.put("value.serializer", ByteArraySerializer.class);
    long startedAt = 0;
    int warm = transactions / 10;
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      producer.initTransactions();
      for (int number = -warm; number < transactions; number++) {
        if (number == 0) startedAt = System.nanoTime();
        producer.beginTransaction();
        for (int index = 0; index < records; index++) producer.send(new ProducerRecord<>(topic, value));
        producer.commitTransaction();
      }
      System.out.printf(Locale.ROOT, "%.2f transactions/sec%n", transactions * 1e9 / (System.nanoTime() - startedAt));
    }
  }
}
