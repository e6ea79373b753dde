// What the Kafka log costs, beside bare librdkafka programs with the same broker, bytes and queues: publishing,
// rebuilding the views from the topic, and one command's way to its reply. Starts a broker of its own.
//
//   kafka_bench [RECORDS [SERVICES [ROUND_TRIPS [publish|rebuild|trips]]]]
#include <rocksdb/db.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "producers/command_client.h"
#include "producers/kafka_client.h"
#include "schemas/cloudevents.h"
#include "tests/bench/clients.h"
#include "tests/bench/kafka_plane.h"
#include "tests/bench/table.h"
#include "tests/support/kafka_broker.h"

namespace solo::bench {
namespace {

using producers::KafkaEvent;
using producers::KafkaHandle;
using producers::KafkaMessage;
using producers::KafkaOptions;
using producers::KafkaQueue;
using producers::KafkaRole;
using producers::KafkaTopicHandle;

constexpr int kRounds = 3;
constexpr std::size_t kAtOnce = 1000;
/// As a daemon with one partition.
const producers::KafkaSettings kReadAhead{{"queued.min.messages", "1000000"},
                                          {"queued.max.messages.kbytes", "262144"},
                                          {"fetch.message.max.bytes", "8388608"}};

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// A log of deployments of about 200 bytes each, spread over services.
std::vector<std::string> make_events(std::size_t count, std::size_t services) {
  std::vector<std::string> events;
  for (std::size_t at = 0; at < count; ++at) {
    v1::EventT event;
    event.id = "command-" + std::to_string(at);
    event.source = "/commands/bench";
    event.tenant = "bench";
    event.service = "s" + std::to_string(at * 7919 % services);
    event.time = 1'700'000'000'000'000;
    v1::ServiceDeployedT deployed;
    deployed.replace = true;
    v1::SpecT& spec = deployed.spec.ensure();
    spec.format = v1::Format::exec;
    spec.argv = {"/bin/sleep"};
    event.payload.Set(std::move(deployed));
    events.push_back(schemas::encode(event));
  }
  return events;
}

class Bench {
 public:
  Bench(std::size_t records, std::size_t services) : events_(make_events(records, services)) {}

  /// `part`: that one alone; empty: all.
  void run(int round_trips, const std::string& part) {
    print_header();
    std::printf("(%zu events of %zu bytes)\n", events_.size(), events_.front().size());
    if (part.empty() || part == "publish") publishing();
    if (part.empty() || part == "rebuild") rebuilding();
    if (part.empty() || part == "trips") round_trip(round_trips);
  }

 private:
  KafkaOptions options(const std::string& cluster) const {
    KafkaOptions options;
    options.bootstrap = broker_.bootstrap();
    options.cluster = cluster;
    return options;
  }

  std::unique_ptr<producers::KafkaLog> open(const std::string& cluster) {
    return taken(producers::KafkaLog::open(options(cluster), clock_, entropy_, producers::NewKafkaTopic{}));
  }

  double bare_publish(const std::string& cluster, bool with_headers);
  double solo_publish(const std::string& cluster);
  void publishing();
  double bare_drain(const std::string& cluster, bool with_puts);
  double rebuild(const std::string& cluster);
  double live(const std::string& cluster);
  void rebuilding();
  double bare_round_trip(const std::string& cluster, int count);
  double solo_round_trip(const std::string& cluster, int count);
  void round_trip(int count);

  testing::KafkaBroker broker_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  std::vector<std::string> events_;
};

rd_kafka_headers_t* list_of(const schemas::Headers& headers) {
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const auto& [name, text] : headers) {
    rd_kafka_header_add(list, name.data(), static_cast<ssize_t>(name.size()), text.data(),
                        static_cast<ssize_t>(text.size()));
  }
  return list;
}

double Bench::bare_publish(const std::string& cluster, bool with_headers) {
  const auto client = taken(producers::make_kafka_client(options(cluster), KafkaRole::commands));
  const auto topic = producers::events_topic(cluster);
  const KafkaQueue queue(rd_kafka_queue_get_main(client.get()));
  // Those of the last event for all of them: as many bytes, and nothing to derive.
  const auto headers_of_all =
      with_headers ? schemas::cloudevents_headers(*schemas::decode_event(events_.back())) : schemas::Headers();
  const auto begin = Clock::now();
  std::thread reports([&] {
    for (std::size_t ended = 0; ended < events_.size();) {
      const KafkaEvent event(rd_kafka_queue_poll(queue.get(), 100));
      if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
      ended += rd_kafka_event_message_count(event.get());
    }
  });
  for (auto& event : events_) {
    rd_kafka_headers_t* headers = list_of(headers_of_all);
    while (rd_kafka_producev(client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                             RD_KAFKA_V_VALUE(event.data(), event.size()), RD_KAFKA_V_KEY("bench", 5),
                             RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::this_thread::yield();
    }
  }
  reports.join();
  return static_cast<double>(events_.size()) / seconds_since(begin);
}

double Bench::solo_publish(const std::string& cluster) {
  const auto log = open(cluster);
  struct {
    std::mutex mutex;
    std::condition_variable fewer;
    std::size_t outstanding = 0;
  } flow;
  constexpr std::size_t kMost = 15'000;
  // The bare program has its bytes at hand, too.
  std::vector<std::string> events = events_;
  const auto begin = Clock::now();
  for (auto& event : events) {
    {
      std::unique_lock lock(flow.mutex);
      flow.fewer.wait(lock, [&] { return flow.outstanding < kMost; });
      ++flow.outstanding;
    }
    log->commands().append("bench", std::move(event), [&flow](const producers::AppendResult& result) {
      if (!std::holds_alternative<producers::Durable>(result)) give_up("an event was not published");
      const std::lock_guard lock(flow.mutex);
      if (--flow.outstanding == kMost / 2) flow.fewer.notify_one();
    });
  }
  log->commands().drain(Clock::now() + std::chrono::minutes(5));
  return static_cast<double>(events_.size()) / seconds_since(begin);
}

void Bench::publishing() {
  std::vector<double> plain;
  std::vector<double> same;
  std::vector<double> solo;
  open("bare");
  for (int round = 0; round < kRounds; ++round) {
    plain.push_back(bare_publish("bare", false));
    same.push_back(bare_publish("bare", true));
    solo.push_back(solo_publish("publish-" + std::to_string(round)));
  }
  print(Row{"publish, against the same headers", "/s", median(same), median(solo), Bound::at_least, 0.7});
  print(Row{"publish, against no headers", "/s", median(plain), median(solo), Bound::at_least, 0.7});
}

double Bench::bare_drain(const std::string& cluster, bool with_puts) {
  const testing::TempDir directory;
  rocksdb::Options db_options;
  db_options.create_if_missing = true;
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::Open(db_options, directory.path().string(), &raw).ok()) give_up("cannot open RocksDB");
  const std::unique_ptr<rocksdb::DB> db(raw);
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  const auto client = taken(producers::make_kafka_client(options(cluster), KafkaRole::reader, kReadAhead));
  const auto name = producers::events_topic(cluster);
  const KafkaTopicHandle topic(rd_kafka_topic_new(client.get(), name.c_str(), nullptr));
  const KafkaQueue queue(rd_kafka_queue_new(client.get()));
  const auto begin = Clock::now();
  rd_kafka_consume_start_queue(topic.get(), 0, 0, queue.get());
  producers::wake_fetch(client.get(), name, {0});
  std::vector<rd_kafka_message_t*> batch(kAtOnce);
  for (std::size_t seen = 0; seen < events_.size() + 1;) {
    const auto count = rd_kafka_consume_batch_queue(queue.get(), 10, batch.data(), batch.size());
    for (ssize_t at = 0; at < count; ++at) {
      const KafkaMessage message(batch[static_cast<std::size_t>(at)]);
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      ++seen;
      if (!with_puts) continue;
      const std::string key = std::to_string(message->offset);
      db->Put(write, key, rocksdb::Slice(static_cast<const char*>(message->payload), message->len));
    }
  }
  const double rate = static_cast<double>(events_.size()) / seconds_since(begin);
  rd_kafka_consume_stop(topic.get(), 0);
  return rate;
}

double Bench::rebuild(const std::string& cluster) {
  const testing::TempDir directory;
  const auto log = open(cluster);
  const auto end = log->bounds(0)->end;
  const auto views = views_of(*log, directory.path());
  const auto begin = Clock::now();
  consumers::Projector projector(*views, kafka_reader_of(*log),
                                 [](std::int32_t, const schemas::Error& error) { give_up(error.message); });
  if (auto started = projector.start(); !started) give_up(started.error().message);
  if (auto there = projector.wait_for({{{0, end - 1}}}, begin + std::chrono::minutes(10)); !there) {
    give_up(there.error().message);
  }
  return static_cast<double>(events_.size()) / seconds_since(begin);
}

v1::RequestT deploy(const std::string& id, const std::string& service) {
  v1::RequestT request;
  request.id = id;
  request.token = testing::test_root().text;
  request.tenant = "bench";
  request.wait = v1::Wait::applied;
  v1::DeployT body;
  body.service = service;
  body.replace = true;
  v1::SpecT& spec = body.spec.ensure();
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep"};
  request.body.Set(std::move(body));
  return request;
}

/// The same events on their way in: commands of many clients at once, until the views have each.
double Bench::live(const std::string& cluster) {
  constexpr int kClients = 64;
  const auto log = open(cluster);
  const KafkaPlane plane(*log);
  Clients all(plane.endpoint(), kClients, [&](int client, int number) {
    return deploy(std::to_string(client) + "-" + std::to_string(number), "s" + std::to_string(client));
  });
  return all.rate(std::chrono::seconds(3));
}

void Bench::rebuilding() {
  std::vector<double> drain;
  std::vector<double> puts;
  std::vector<double> lived;
  std::vector<double> solo;
  solo_publish("rebuild");
  for (int round = 0; round < kRounds; ++round) {
    drain.push_back(bare_drain("rebuild", false));
    puts.push_back(bare_drain("rebuild", true));
    lived.push_back(live("live-" + std::to_string(round)));
    solo.push_back(rebuild("rebuild"));
  }
  print(Row{"rebuild, against a drain with a put per record", "/s", median(puts), median(solo), Bound::at_least, 0.7});
  print(Row{"rebuild, against a drain alone", "/s", median(drain), median(solo), Bound::at_least, 0.3});
  print(Row{"rebuild, against the live path, 64 clients", "/s", median(lived), median(solo), Bound::at_least, 10});
}

double Bench::bare_round_trip(const std::string& cluster, int count) {
  const auto producer = taken(producers::make_kafka_client(options(cluster), KafkaRole::commands));
  const auto consumer = taken(producers::make_kafka_client(options(cluster), KafkaRole::reader));
  const auto name = producers::events_topic(cluster);
  const KafkaTopicHandle topic(rd_kafka_topic_new(consumer.get(), name.c_str(), nullptr));
  const KafkaQueue queue(rd_kafka_queue_new(consumer.get()));
  rd_kafka_consume_start_queue(topic.get(), 0, RD_KAFKA_OFFSET_END, queue.get());
  const auto settled = Clock::now() + std::chrono::seconds(2);
  while (Clock::now() < settled) KafkaMessage(rd_kafka_consume_queue(queue.get(), 100));
  std::vector<double> times;
  for (int at = 0; at < count; ++at) {
    const auto begin = Clock::now();
    auto& event = events_[static_cast<std::size_t>(at) % events_.size()];
    rd_kafka_producev(producer.get(), RD_KAFKA_V_TOPIC(name.c_str()), RD_KAFKA_V_PARTITION(0),
                      RD_KAFKA_V_VALUE(event.data(), event.size()), RD_KAFKA_V_KEY("bench", 5), RD_KAFKA_V_END);
    for (;;) {
      const KafkaMessage message(rd_kafka_consume_queue(queue.get(), 1000));
      if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    }
    times.push_back(seconds_since(begin) * 1e6);
    rd_kafka_poll(producer.get(), 0);
  }
  rd_kafka_consume_stop(topic.get(), 0);
  rd_kafka_flush(producer.get(), 5000);
  return median(times);
}

/// Through the gateway and the views, without a runtime: durable, applied, answered.
double Bench::solo_round_trip(const std::string& cluster, int count) {
  const auto log = open(cluster);
  const KafkaPlane plane(*log);
  const auto client = taken(producers::CommandClient::connect({plane.endpoint()}));
  std::vector<double> times;
  for (int at = 0; at < count; ++at) {
    const auto begin = Clock::now();
    const auto reply = client->call(deploy("trip-" + std::to_string(at), "one"));
    if (!reply || !reply->ok) give_up(reply ? reply->error->message : reply.error().message);
    times.push_back(seconds_since(begin) * 1e6);
  }
  return median(times);
}

void Bench::round_trip(int count) {
  std::vector<double> bare;
  std::vector<double> solo;
  for (int round = 0; round < kRounds; ++round) {
    open("bare-trips-" + std::to_string(round));
    bare.push_back(bare_round_trip("bare-trips-" + std::to_string(round), count));
    solo.push_back(solo_round_trip("trips-" + std::to_string(round), count));
  }
  print(Row{"one command to its reply, p50", "us", median(bare), median(solo), Bound::at_most, 1.3});
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? static_cast<std::size_t>(std::strtoull(argv[at], nullptr, 10)) : otherwise;
  };
  solo::bench::Bench(number(1, 1'000'000), number(2, 100'000))
      .run(static_cast<int>(number(3, 500)), argc > 4 ? argv[4] : "");
  return 0;
}
