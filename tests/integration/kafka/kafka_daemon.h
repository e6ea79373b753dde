// A real daemon with its log on a real broker, and the shortest way to give it orders.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/schemas.h"
#include "tests/support/daemon.h"
#include "tests/support/kafka_broker.h"

namespace solo::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// `delivery_timeout`: long, so that a broker that is well may take its time; short where it is away or frozen.
inline std::vector<std::string> kafka_arguments(const KafkaBroker& broker, const std::string& cluster,
                                                std::vector<std::string> more = {},
                                                milliseconds delivery_timeout = seconds(20)) {
  std::vector<std::string> arguments{"--kafka",
                                     broker.bootstrap(),
                                     "--log-cluster",
                                     cluster,
                                     "--log-kafka-create",
                                     "true",
                                     "--log-kafka-delivery-timeout-ms",
                                     std::to_string(delivery_timeout.count())};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// A reply; a test failure, and none, when there is no daemon to answer.
inline std::optional<v1::ReplyT> call(const Daemon& daemon, v1::RequestT request, milliseconds timeout = seconds(40)) {
  auto client = producers::CommandClient::connect({daemon.endpoint(), seconds(20), daemon.root_token()});
  if (!client) {
    ADD_FAILURE() << client.error().message << "\n" << daemon.log();
    return std::nullopt;
  }
  auto reply = (*client)->call(std::move(request), timeout);
  if (!reply) {
    ADD_FAILURE() << reply.error().message << "\n" << daemon.log();
    return std::nullopt;
  }
  return std::move(*reply);
}

inline v1::RequestT status_request(std::string tenant, std::string service) {
  v1::RequestT request;
  request.tenant = std::move(tenant);
  v1::StatusT status;
  status.service = std::move(service);
  request.body.Set(std::move(status));
  return request;
}

inline v1::RequestT sleeper(std::string id, std::string service, v1::Wait wait = v1::Wait::done,
                            std::string tenant = "acme") {
  return deploy_request(std::move(id), std::move(tenant), std::move(service), exec_spec({"/bin/sleep", "1000000"}),
                        wait);
}

inline bool is_ok(const std::optional<v1::ReplyT>& reply) { return reply && reply->ok; }

inline std::string words_of(const std::optional<v1::ReplyT>& reply) {
  if (!reply) return "no reply";
  return reply->error ? reply->error->message : "ok";
}

inline v1::ErrorCode code_of(const std::optional<v1::ReplyT>& reply) {
  return reply && reply->error ? reply->error->code : v1::ErrorCode::ok;
}

}  // namespace solo::testing
