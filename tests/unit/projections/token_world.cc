#include "tests/unit/projections/token_world.h"

#include "projections/outcome.h"
#include "schemas/codec.h"
#include "schemas/partitioning.h"
#include "tests/unit/projections/records.h"

namespace solo::testing {

using schemas::ErrorCode;

TokenWorld::TokenWorld(std::int32_t partitions, projections::CheckerOptions options)
    : memory_(rocksdb::NewMemEnv(rocksdb::Env::Default())), next_(static_cast<std::size_t>(partitions)) {
  projections::ViewOptions view_options;
  view_options.directory = directory_.path();
  view_options.log_uuid = kLog;
  view_options.partitions = partitions;
  view_options.env = memory_.get();
  auto views = projections::Views::open(view_options, nullptr);
  if (!views) throw std::runtime_error(views.error().message);
  views_ = *std::move(views);
  checker_ = std::make_unique<projections::TokenChecker>(*views_, options);
  for (std::int32_t number = 0; number < partitions; ++number) {
    v1::SystemInitializedT genesis;
    genesis.log_uuid = kLog;
    genesis.rules = 1;
    genesis.partitions = static_cast<std::uint32_t>(partitions);
    genesis.partition = static_cast<std::uint32_t>(number);
    v1::RuntimeClaimedT claim;
    claim.node = kNode;
    claim.run = kRun;
    std::vector<schemas::LogRecord> records;
    for (auto& payload : {payload_of(std::move(genesis)), payload_of(std::move(claim))}) {
      v1::EventT event = command_event("system", std::string(kRun) + "-1", payload);
      event.source = "/nodes/" + std::string(kNode);
      records.push_back({{number, next_[static_cast<std::size_t>(number)]++}, now, "system", schemas::encode(event)});
    }
    apply(number, records);
  }
  observations_ = 1;
}

std::int32_t TokenWorld::home(const std::string& tenant) const {
  return schemas::partition_of(tenant, views_->partitions());
}

schemas::LogRecord TokenWorld::record(v1::EventT event) {
  if (event.id.empty()) event.id = "id-" + std::to_string(++ids_);
  event.time = now;
  const std::int32_t partition = home(event.tenant);
  return {{partition, next_[static_cast<std::size_t>(partition)]++}, now, event.tenant, schemas::encode(event)};
}

void TokenWorld::apply(std::int32_t partition, std::span<const schemas::LogRecord> records) {
  const auto change = views_->partition(partition).apply(records);
  if (!change) throw std::runtime_error(change.error().message);
}

ErrorCode TokenWorld::apply(v1::EventT event) {
  const std::string tenant = event.tenant;
  const std::string source = event.source;
  if (event.id.empty()) event.id = "id-" + std::to_string(++ids_);
  const std::string id = event.id;
  const auto record = this->record(std::move(event));
  apply(record.position.partition, std::span(&record, 1));
  const auto outcome =
      views_->partition(record.position.partition).outcome(schemas::TenantName::trusted(tenant), source, id);
  if (!outcome || !outcome->has_value()) return ErrorCode::internal;
  return static_cast<ErrorCode>((*outcome)->record.code);
}

v1::EventT TokenWorld::grant_event(const TestToken& token, const GrantOptions& options) {
  v1::CapabilityGrantedT granted;
  granted.hash = token.hex;
  granted.permissions = options.permissions;
  granted.services = options.services;
  granted.ttl_ms = options.ttl_ms;
  granted.all_tenants = options.all_tenants;
  granted.root = options.root;
  return command_event(options.tenant, {}, payload_of(std::move(granted)), options.parent);
}

ErrorCode TokenWorld::grant(const TestToken& token, const GrantOptions& options) {
  return apply(grant_event(token, options));
}

ErrorCode TokenWorld::grant_root(const TestToken& token) {
  return grant(
      token,
      {.tenant = "system", .permissions = {v1::Permission::admin}, .services = "*", .all_tenants = true, .root = true});
}

v1::EventT TokenWorld::revoke_event(const TestToken& token, const std::string& tenant, const std::string& actor) {
  v1::CapabilityRevokedT revoked;
  revoked.accessor = token.accessor;
  return command_event(tenant, {}, payload_of(std::move(revoked)), actor);
}

ErrorCode TokenWorld::revoke(const TestToken& token, const std::string& tenant, const std::string& actor) {
  return apply(revoke_event(token, tenant, actor));
}

ErrorCode TokenWorld::revoke_all(const std::string& tenant, const std::string& actor) {
  v1::CapabilityRevokedT revoked;
  revoked.all = true;
  return apply(command_event(tenant, {}, payload_of(std::move(revoked)), actor));
}

ErrorCode TokenWorld::deploy(const std::string& service, const std::string& actor) {
  v1::ServiceDeployedT deployed;
  deployed.spec.ensure().format = v1::Format::exec;
  deployed.spec->argv = {"/bin/true"};
  deployed.replace = true;
  v1::EventT event = command_event("acme", {}, payload_of(std::move(deployed)), actor);
  event.service = service;
  return apply(std::move(event));
}

void TokenWorld::remove(const std::string& tenant, std::vector<std::string> hashes, std::int64_t expired_before) {
  v1::CapabilitiesRemovedT removed;
  removed.hashes = std::move(hashes);
  removed.expired_before = expired_before;
  v1::EventT event =
      command_event(tenant, std::string(kRun) + "-" + std::to_string(++observations_), payload_of(std::move(removed)));
  event.source = "/nodes/" + std::string(kNode);
  const auto record = this->record(std::move(event));
  apply(record.position.partition, std::span(&record, 1));
}

projections::TokenVerdict TokenWorld::check(const TestToken& token, const std::string& tenant) {
  auto verdict = checker_->check(token.text, tenant, now);
  if (!verdict) throw std::runtime_error(verdict.error().message);
  return *std::move(verdict);
}

v1::TokenState TokenWorld::state(const TestToken& token, const std::string& tenant) {
  const auto record = views_->partition(home(tenant)).token(token.accessor);
  if (!record || !record->has_value()) throw std::runtime_error("no such token");
  const auto standing = checker_->standing(**record, now);
  if (!standing) throw std::runtime_error(standing.error().message);
  return standing->state;
}

projections::Capability TokenWorld::capability(const TestToken& token, const std::string& tenant) {
  const auto verdict = check(token, tenant);
  EXPECT_TRUE(verdict.good()) << v1::EnumNameDenialReason(verdict.reason);
  return verdict.capability;
}

void TokenWorld::forget(projections::CheckerOptions options) {
  checker_.reset();
  checker_ = std::make_unique<projections::TokenChecker>(*views_, options);
}

}  // namespace solo::testing
