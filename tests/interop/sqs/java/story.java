import com.google.gson.Gson;
import com.google.gson.JsonParser;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.SendMessageResponse;

/**
 * The order story with the AWS SDK for Java 2. See ../README.md for what every one of these
 * programs does.
 *
 * <p>usage: Story ENDPOINT
 */
class Story {
  private final SqsClient sqs;
  private String url;

  Story(String endpoint) {
    sqs = SqsClient.builder()
        .endpointOverride(URI.create(endpoint))
        .region(Region.EU_WEST_1)
        .credentialsProvider(
            StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
        .build();
  }

  public static void main(String[] arguments) {
    System.out.println(new Gson().toJson(new Story(arguments[0]).play()));
    System.exit(0);
  }

  private Map<String, Object> play() {
    String dead = create("java-dead.fifo", Map.of(QueueAttributeName.FIFO_QUEUE, "true"));
    String arn = attributes(dead).get(QueueAttributeName.QUEUE_ARN);
    String policy = new Gson().toJson(Map.of("deadLetterTargetArn", arn, "maxReceiveCount", 3));
    url = create("java-orders.fifo", Map.of(
        QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.REDRIVE_POLICY, policy));

    SendMessageResponse first = send(0);
    for (int n = 1; n < 10; n++) send(n);
    List<SendMessageBatchRequestEntry> entries = new ArrayList<>();
    for (int n = 10; n < 20; n++) {
      int id = n;
      entries.add(SendMessageBatchRequestEntry.builder().id("" + id).messageBody(body(id))
          .messageGroupId("g" + id % 4).messageDeduplicationId("order-" + id)
          .messageAttributes(shop(id)).build());
    }
    int sent = 10 + sqs.sendMessageBatch(r -> r.queueUrl(url).entries(entries)).successful().size();
    SendMessageResponse again = send(0);

    int[] lastOf = {-1, -1, -1, -1};
    int handled = 0;
    int poisoned = 0;
    boolean inOrder = true;
    boolean kept = true;
    while (handled < 19) {
      for (Message message : receive(url)) {
        int n = number(message);
        kept &= message.messageAttributes().get("shop").stringValue().equals("shop " + n);
        if (n == 7) {
          poisoned++;
          showAgain(url, message);
          continue;
        }
        sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(message.receiptHandle()));
        inOrder &= n > lastOf[n % 4];
        lastOf[n % 4] = n;
        handled++;
      }
    }

    Message letter = receive(dead).get(0);
    String source = letter.attributes().get(MessageSystemAttributeName.DEAD_LETTER_QUEUE_SOURCE_ARN);
    showAgain(dead, letter);
    sqs.startMessageMoveTask(r -> r.sourceArn(arn));
    Message back = receive(url).get(0);
    sqs.deleteMessageBatch(r -> r.queueUrl(url)
        .entries(e -> e.id("back").receiptHandle(back.receiptHandle())));
    Map<QueueAttributeName, String> counts = attributes(url);
    sqs.deleteQueue(r -> r.queueUrl(url));
    sqs.deleteQueue(r -> r.queueUrl(dead));
    String error = "";
    try {
      send(20);
    } catch (QueueDoesNotExistException expected) {
      error = "QueueDoesNotExist";
    }

    Map<String, Object> seen = new LinkedHashMap<>();
    seen.put("sent", sent);
    seen.put("duplicate", again.messageId().equals(first.messageId()));
    seen.put("handled", handled);
    seen.put("in_order", inOrder);
    seen.put("attributes", kept);
    seen.put("poisoned", poisoned);
    seen.put("dead", List.of(number(letter), source.endsWith(":java-orders.fifo")));
    seen.put("back", number(back));
    seen.put("left", List.of(
        Integer.parseInt(counts.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES)),
        Integer.parseInt(counts.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE))));
    seen.put("error", error);
    return seen;
  }

  private String create(String name, Map<QueueAttributeName, String> attributes) {
    return sqs.createQueue(r -> r.queueName(name).attributes(attributes)).queueUrl();
  }

  private Map<QueueAttributeName, String> attributes(String queueUrl) {
    return sqs.getQueueAttributes(r -> r.queueUrl(queueUrl).attributeNames(QueueAttributeName.ALL))
        .attributes();
  }

  private SendMessageResponse send(int n) {
    return sqs.sendMessage(r -> r.queueUrl(url).messageBody(body(n)).messageGroupId("g" + n % 4)
        .messageDeduplicationId("order-" + n).messageAttributes(shop(n)));
  }

  private List<Message> receive(String queueUrl) {
    return sqs.receiveMessage(r -> r.queueUrl(queueUrl).waitTimeSeconds(5)
        .messageAttributeNames("All")
        .messageSystemAttributeNames(MessageSystemAttributeName.ALL)).messages();
  }

  private void showAgain(String queueUrl, Message message) {
    sqs.changeMessageVisibility(
        r -> r.queueUrl(queueUrl).receiptHandle(message.receiptHandle()).visibilityTimeout(0));
  }

  private static String body(int n) {
    return "{\"id\":" + n + "}";
  }

  private static Map<String, MessageAttributeValue> shop(int n) {
    return Map.of("shop",
        MessageAttributeValue.builder().dataType("String").stringValue("shop " + n).build());
  }

  private static int number(Message message) {
    return JsonParser.parseString(message.body()).getAsJsonObject().get("id").getAsInt();
  }
}
