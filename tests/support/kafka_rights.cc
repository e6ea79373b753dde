#include "tests/support/kafka_rights.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace solo::testing {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr const char* kCluster = "kafka-cluster";

template <auto Function>
struct Delete {
  template <class Handle>
  void operator()(Handle* handle) const {
    Function(handle);
  }
};
using Client = std::unique_ptr<rd_kafka_t, Delete<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Delete<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Delete<rd_kafka_event_destroy>>;
using Binding = std::unique_ptr<rd_kafka_AclBinding_t, Delete<rd_kafka_AclBinding_destroy>>;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "rights on the broker: %s\n", why.c_str());
  std::abort();
}

struct Rule {
  rd_kafka_ResourceType_t kind;
  std::string name;
  rd_kafka_AclOperation_t operation;
  rd_kafka_AclPermissionType_t permission;
};

Binding binding_of(const Rule& rule, bool as_filter) {
  std::array<char, 256> words{};
  const auto make = as_filter ? rd_kafka_AclBindingFilter_new : rd_kafka_AclBinding_new;
  Binding binding(make(rule.kind, rule.name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*", rule.operation,
                       rule.permission, words.data(), words.size()));
  if (binding == nullptr) give_up(words.data());
  return binding;
}

Client connect(const std::string& bootstrap) {
  std::array<char, 256> words{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), words.data(), words.size());
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size()));
  if (client == nullptr) give_up(words.data());
  return client;
}

void check(const rd_kafka_event_t* event) {
  if (event == nullptr) give_up("no answer in time");
  auto* asked = const_cast<rd_kafka_event_t*>(event);
  if (rd_kafka_event_error(asked) != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(rd_kafka_event_error_string(asked));
}

void create(rd_kafka_t* client, const Rule& rule) {
  const Queue queue(rd_kafka_queue_new(client));
  const Binding binding = binding_of(rule, false);
  rd_kafka_AclBinding_t* one = binding.get();
  rd_kafka_CreateAcls(client, &one, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), kTimeoutMs));
  check(event.get());
  std::size_t count = 0;
  const auto* results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event.get()), &count);
  if (count != 1) give_up("no answer about a rule");
  if (const auto* error = rd_kafka_acl_result_error(results[0])) give_up(rd_kafka_error_string(error));
}

void remove(rd_kafka_t* client, const Rule& rule) {
  const Queue queue(rd_kafka_queue_new(client));
  const Binding filter = binding_of(rule, true);
  rd_kafka_AclBinding_t* one = filter.get();
  rd_kafka_DeleteAcls(client, &one, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), kTimeoutMs));
  check(event.get());
}

Rule denial(KafkaRights::Right right, const std::string& topic) {
  using Right = KafkaRights::Right;
  switch (right) {
    case Right::read:
      return {RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_PERMISSION_TYPE_DENY};
    case Right::write:
      return {RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_PERMISSION_TYPE_DENY};
    case Right::describe:
      return {RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_DESCRIBE, RD_KAFKA_ACL_PERMISSION_TYPE_DENY};
    case Right::describe_configs:
      return {RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
              RD_KAFKA_ACL_PERMISSION_TYPE_DENY};
    case Right::idempotent_write:
      return {RD_KAFKA_RESOURCE_BROKER, kCluster, RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE,
              RD_KAFKA_ACL_PERMISSION_TYPE_DENY};
  }
  give_up("no such right");
}

}  // namespace

std::vector<std::string> KafkaRights::broker_settings() {
  return {"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
          "allow.everyone.if.no.acl.found=true"};
}

KafkaRights::KafkaRights(std::string bootstrap) : bootstrap_(std::move(bootstrap)) {
  const Client client = connect(bootstrap_);
  // Where one thing is forbidden, the rest has to be allowed.
  for (const auto& [kind, name] : {std::pair{RD_KAFKA_RESOURCE_BROKER, kCluster}, {RD_KAFKA_RESOURCE_TOPIC, "*"}}) {
    create(client.get(), {kind, name, RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW});
  }
}

void KafkaRights::take(Right right, const std::string& topic) {
  create(connect(bootstrap_).get(), denial(right, topic));
}

void KafkaRights::give_back(Right right, const std::string& topic) {
  remove(connect(bootstrap_).get(), denial(right, topic));
}

}  // namespace solo::testing
