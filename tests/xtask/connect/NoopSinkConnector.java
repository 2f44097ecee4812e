package snowgate.bench;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/**
 * A sink that lets every record go, so that what is left to measure is Connect itself: the consumer, the converters, the transforms.
 *
 * With {@code noop.report} set, a thread of the worker's own writes how many records came from each partition, and how many of them did
 * not follow the one before, to that file. With {@code noop.fail} set, tasks fail at their first record.
 */
public class NoopSinkConnector extends SinkConnector {
    static final String REPORT = "noop.report";
    static final String FAIL = "noop.fail";

    private Map<String, String> config;

    @Override
    public void start(Map<String, String> given) {
        config = given;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return NoopTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int most) {
        List<Map<String, String>> configs = new ArrayList<>();
        for (int task = 0; task < most; task++) {
            configs.add(config);
        }
        return configs;
    }

    @Override
    public void stop() {
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef()
            .define(REPORT, ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "Where to write what came.")
            .define(FAIL, ConfigDef.Type.BOOLEAN, false, ConfigDef.Importance.LOW, "Whether tasks fail.");
    }

    @Override
    public String version() {
        return "1";
    }

    public static class NoopTask extends SinkTask {
        private Tally tally;
        private boolean fail;

        @Override
        public String version() {
            return "1";
        }

        @Override
        public void start(Map<String, String> config) {
            fail = Boolean.parseBoolean(config.get(FAIL));
            String report = config.getOrDefault(REPORT, "");
            tally = report.isEmpty() ? null : Tally.of(report);
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            if (fail && !records.isEmpty()) {
                throw new IllegalStateException("told to fail");
            }
            if (tally != null) {
                tally.take(records);
            }
        }

        @Override
        public void stop() {
        }
    }

    /** What came, of all tasks that report to one file. */
    private static final class Tally {
        private static final Map<String, Tally> ALL = new ConcurrentHashMap<>();
        private static final long EVERY_MILLIS = 50;

        /** A partition belongs to one task at a time, so only that task's thread changes it. */
        private static final class Partition {
            final LongAdder records = new LongAdder();
            final LongAdder outOfOrder = new LongAdder();
            volatile long first = -1;
            volatile long last = -1;
        }

        private final Map<Integer, Partition> partitions = new ConcurrentHashMap<>();

        static Tally of(String file) {
            return ALL.computeIfAbsent(file, made -> {
                Tally tally = new Tally();
                Thread thread = new Thread(() -> tally.report(Path.of(made)), "noop-report");
                thread.setDaemon(true);
                thread.start();
                return tally;
            });
        }

        void take(Collection<SinkRecord> records) {
            Partition current = null;
            int number = -1;
            long run = 0;
            for (SinkRecord record : records) {
                int of = record.kafkaPartition();
                if (of != number) {
                    if (current != null) {
                        current.records.add(run);
                    }
                    run = 0;
                    number = of;
                    current = partitions.computeIfAbsent(of, ignored -> new Partition());
                }
                long offset = record.kafkaOffset();
                if (current.first < 0) {
                    current.first = offset;
                } else if (offset != current.last + 1) {
                    current.outOfOrder.increment();
                }
                current.last = offset;
                run++;
            }
            if (current != null) {
                current.records.add(run);
            }
        }

        private void report(Path file) {
            String written = "";
            while (true) {
                String now = text();
                try {
                    if (!now.equals(written)) {
                        Path half = file.resolveSibling(file.getFileName() + ".half");
                        Files.write(half, now.getBytes(StandardCharsets.UTF_8));
                        Files.move(half, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                        written = now;
                    }
                    Thread.sleep(EVERY_MILLIS);
                } catch (Exception problem) {
                    throw new IllegalStateException("cannot report to " + file, problem);
                }
            }
        }

        private String text() {
            StringBuilder text = new StringBuilder("{\"partitions\": [");
            String comma = "";
            for (Map.Entry<Integer, Partition> entry : new TreeMap<>(partitions).entrySet()) {
                Partition partition = entry.getValue();
                text.append(comma)
                    .append("{\"partition\": ").append(entry.getKey())
                    .append(", \"records\": ").append(partition.records.sum())
                    .append(", \"first\": ").append(partition.first)
                    .append(", \"last\": ").append(partition.last)
                    .append(", \"out_of_order\": ").append(partition.outOfOrder.sum())
                    .append('}');
                comma = ", ";
            }
            return text.append("]}\n").toString();
        }
    }
}
