// What one client knows about one service from the answers it got: the oracle of the crash tests.
//
// A client issues one command at a time for its own services. An answer makes the outcome certain; a lost answer
// leaves exactly one command open, which is settled by sending it again with the same id. Whoever was told a position,
// even by an answer that leaves the command open, is told the same one ever after. Pure, not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::testing {

enum class Order { deploy, kill };

struct OpenCommand {
  std::string id;
  Order order;
  /// Where it is in the log, once an answer said so.
  std::string position = {};
};

class ServiceModel {
 public:
  ServiceModel(std::string tenant, std::string service) : tenant_(std::move(tenant)), service_(std::move(service)) {}

  const std::string& tenant() const { return tenant_; }
  const std::string& service() const { return service_; }
  /// The acknowledged generation that must run; nothing: none may.
  std::optional<std::uint64_t> must_run() const { return live_; }
  const std::optional<OpenCommand>& open() const { return open_; }
  const std::vector<std::string>& broken_promises() const { return broken_; }

  /// The next sensible order: a live service is killed, any other is deployed.
  Order next() const { return live_ ? Order::kill : Order::deploy; }

  void sent(std::string id, Order order) { open_ = OpenCommand{std::move(id), order}; }

  /// A reply to the open command, first or repeated, that promises no more than that the command is in the log.
  void accepted(const v1::ReplyT& reply);
  /// Any other reply to it. Only one that says what became of the command closes it.
  void answered(const v1::ReplyT& reply);

 private:
  bool is_pending(const v1::ReplyT& reply) const;
  void hold_to_position(const v1::ReplyT& reply);
  void broken(const std::string& what) { broken_.push_back(tenant_ + "/" + service_ + ": " + what); }

  std::string tenant_;
  std::string service_;
  std::optional<std::uint64_t> live_;
  std::uint64_t last_generation_ = 0;
  std::optional<OpenCommand> open_;
  std::vector<std::string> broken_;
};

}  // namespace solo::testing
