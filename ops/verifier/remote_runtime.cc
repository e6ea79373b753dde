#include "ops/verifier/remote_runtime.h"

#include <algorithm>
#include <utility>

#include "producers/entropy.h"
#include "producers/signals.h"

namespace solo::ops {

namespace {

using schemas::fail;
using schemas::Result;

constexpr std::uint32_t kForRepair = 60'000;

schemas::Error error_of(const v1::ReplyT& reply) {
  if (!reply.error) return {schemas::ErrorCode::internal, "the daemon refused without a reason"};
  return {static_cast<schemas::ErrorCode>(reply.error->code), reply.error->message, reply.error->hint,
          reply.error->retryable};
}

}  // namespace

Result<v1::ReplyT> DaemonCaller::call(v1::RequestT request) {
  if (!client_) {
    auto client = producers::CommandClient::connect({.endpoint = endpoint_, .token = token_});
    if (!client) return fail(std::move(client.error()));
    client_ = std::move(*client);
  }
  request.id = producers::SystemEntropy().uuid();
  auto reply = client_->call(std::move(request));
  if (!reply) {
    client_.reset();
    return fail(std::move(reply.error()));
  }
  if (!reply->ok) return fail(error_of(*reply));
  return reply;
}

RemoteRuntime::RemoteRuntime(const std::string& endpoint, const std::string& token)
    : inventories_(endpoint, token), repairs_(endpoint, token), thread_([this] { run(); }) {}

RemoteRuntime::~RemoteRuntime() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void RemoteRuntime::inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline,
                              Inventoried done) {
  v1::RequestT request;
  request.tenant = "*";
  request.after = schemas::to_string(cut);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  request.timeout_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
  request.body.Set(v1::InventoryT{});
  auto reply = inventories_.call(std::move(request));
  if (!reply) return done(fail(std::move(reply.error())));
  auto* report = reply->body.AsInventoryReport();
  if (report == nullptr) return done(fail(schemas::ErrorCode::internal, "the daemon sent no inventory"));
  done(std::move(*report));
}

void RemoteRuntime::repair(const schemas::ServiceKey& service, const v1::RepairT& repair, Repaired done) {
  v1::RequestT request;
  request.tenant = service.tenant.str();
  request.timeout_ms = kForRepair;
  v1::RepairT named = repair;
  named.service = service.service.str();
  request.body.Set(std::move(named));
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back({std::move(request), std::move(done)});
  }
  changed_.notify_one();
}

void RemoteRuntime::run() {
  producers::block_signals();
  for (;;) {
    Asked next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !asked_.empty(); });
      if (stopping_) return;
      next = std::move(asked_.front());
      asked_.pop_front();
    }
    auto reply = repairs_.call(std::move(next.request));
    next.done(reply ? Result<void>() : fail(std::move(reply.error())));
  }
}

}  // namespace solo::ops
