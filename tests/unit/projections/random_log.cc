#include "tests/unit/projections/random_log.h"

#include <fmt/format.h>

#include "projections/apply.h"
#include "schemas/partitioning.h"
#include "tests/support/tokens.h"

namespace solo::testing {
namespace {

constexpr int kKinds = 26;
constexpr std::int64_t kSecondUs = 1'000'000;
constexpr int kServices = 3;

std::string code_of(std::uint8_t choice) { return choice % 3 == 0 ? "" : fmt::format("exit {}", choice % 3); }

/// The first of NAME, NAME-1, NAME-2, ... whose records are in that partition.
std::string tenant_in(std::int32_t partition, std::int32_t partitions, const std::string& name) {
  std::string tenant = name;
  for (int number = 1; schemas::partition_of(tenant, partitions) != partition; ++number) {
    tenant = fmt::format("{}-{}", name, number);
  }
  return tenant;
}

}  // namespace

void showValue(const Step& step, std::ostream& out) {
  out << fmt::format("{{{}, {}, {}, {}}}", step.kind, step.service, step.choice, step.flag);
}

RandomLog::RandomLog(std::int32_t partition, std::int32_t partitions)
    : first_tenant_(tenant_in(partition, partitions, "acme")),
      second_tenant_(tenant_in(partition, partitions, "globex")) {
  make_.partition = partition;
  make_.partitions = partitions;
  append(make_.genesis());
  append(make_.claim());
}

void RandomLog::append(schemas::LogRecord record) {
  RC_ASSERT(projections::apply_record(record, make_.partitions, kLog, state_));
  records_.push_back(std::move(record));
}

std::uint64_t RandomLog::generation(const std::string& service, std::uint8_t choice) {
  const v1::ServiceRecordT* record = state_.find_service(make_.tenant, service);
  const std::uint64_t current = record != nullptr && record->current ? record->current->generation : 1;
  switch (choice % 8) {
    case 0:
      return current + 1;
    case 1:
      return current > 1 ? current - 1 : current;
    case 2:
    case 3:
    case 4:
      return record != nullptr && record->pending ? record->pending->generation : current;
    default:
      return current;
  }
}

std::string RandomLog::instance(const std::string& service, std::uint8_t choice) {
  const v1::ServiceRecordT* record = state_.find_service(make_.tenant, service);
  if (record == nullptr || record->instances.empty() || choice % 8 == 0) return "none-1";
  return record->instances[choice % record->instances.size()]->instance;
}

void RandomLog::add_command(const Step& step, const std::string& service) {
  const std::uint64_t if_generation = step.choice % 5 == 0 ? generation(service, step.choice / 5) : 0;
  switch (step.kind) {
    case 4:
      return append(make_.kill(service, if_generation));
    case 5:
      return append(make_.restart(service, if_generation));
    default:
      return append(make_.deploy(service, {.restart = static_cast<v1::RestartPolicy>(step.choice % 3),
                                           .code = code_of(step.choice),
                                           .replace = step.flag,
                                           .if_generation = if_generation}));
  }
}

void RandomLog::add_observation(const Step& step, const std::string& service) {
  const auto fresh = [&] { return fmt::format("{}-{}", make_.run, ++instances_); };
  switch (step.kind) {
    case 6:
    case 7:
    case 8: {
      const v1::ServiceRecordT* record = state_.find_service(make_.tenant, service);
      const std::uint64_t epoch = record != nullptr ? record->restart_epoch : 0;
      return append(make_.started(service, generation(service, step.choice), fresh(), step.flag ? epoch : 0));
    }
    case 9:
      return append(make_.exited(service, instance(service, step.choice)));
    case 10:
      return append(make_.crashed(service, instance(service, step.choice)));
    case 11:
      return append(make_.lost(service, instance(service, step.choice)));
    case 12:
    case 13:
      return append(make_.stopped(service, instance(service, step.choice)));
    case 14:
      return append(make_.deployment_failed(service, generation(service, step.choice)));
    case 15:
      return append(make_.recovery_failed(service, generation(service, step.choice)));
    case 16:
      return append(make_.failed(service, generation(service, step.choice)));
    default:
      return append(step.flag ? make_.recovered(service, generation(service, step.choice), fresh())
                              : make_.recovered(service, generation(service, step.choice),
                                                instance(service, step.choice), v1::RecoveryMode::adopted));
  }
}

void RandomLog::add_odd(const Step& step, const std::string& service) {
  switch (step.kind) {
    case 18:
      // A former run again, or a new one.
      return append(make_.claim(fmt::format("run-{}", step.choice % 4)));
    case 19:
      return append(repeat(make_, records_[step.choice % records_.size()]));
    case 20: {
      schemas::LogRecord damaged = make_.deploy(service);
      damaged.value.resize(damaged.value.size() * (step.choice % 4) / 4);
      return append(std::move(damaged));
    }
    default: {
      v1::EventT event = make_.command(service, payload_of(v1::ServiceKilledT{}));
      event.source = "https://example.org/ci";
      event.id = fmt::format("build-{}", step.choice % 4);
      return append(make_.record(event));
    }
  }
}

void RandomLog::add_token(const Step& step) {
  const TestToken token = test_token(step.choice % 6);
  const std::string actor = step.flag ? test_token(step.choice / 6 % 6).accessor : "";
  const auto command = [&](auto payload) {
    v1::EventT event = make_.command("", payload_of(std::move(payload)));
    event.actor = actor;
    event.time -= 10 * kSecondUs;
    append(make_.record(event));
  };
  if (step.kind == 22) {
    v1::CapabilityGrantedT granted;
    granted.hash = token.hex;
    granted.permissions = {v1::Permission::read};
    granted.ttl_ms = step.service == 0 ? 0 : 4'000ULL * step.service;
    return command(std::move(granted));
  }
  if (step.kind == 23 || step.kind == 24) {
    v1::CapabilityRevokedT revoked;
    revoked.all = step.kind == 24 && step.choice % 4 == 0;
    if (!revoked.all) revoked.accessor = token.accessor;
    return command(std::move(revoked));
  }
  v1::CapabilitiesRemovedT removed;
  removed.hashes = {token.hex, test_token(step.choice / 6 % 6).hex};
  v1::EventT event = make_.observation("", payload_of(removed));
  removed.expired_before = event.time - 5 * kSecondUs + (step.flag ? 3 * kSecondUs : 0);
  event.payload = payload_of(std::move(removed));
  append(make_.record(event));
}

void RandomLog::add(const Step& step) {
  make_.tenant = step.choice % 7 == 0 ? second_tenant_ : first_tenant_;
  const std::string service = fmt::format("svc-{}", step.service);
  if (step.kind < 6) return add_command(step, service);
  if (step.kind < 18) return add_observation(step, service);
  if (step.kind < 22) return add_odd(step, service);
  add_token(step);
}

std::vector<schemas::LogRecord> make_log(const std::vector<Step>& steps, std::int32_t partition,
                                         std::int32_t partitions) {
  RandomLog log(partition, partitions);
  for (const Step& step : steps) log.add(step);
  return log.records();
}

}  // namespace solo::testing

namespace rc {

Gen<solo::testing::Step> Arbitrary<solo::testing::Step>::arbitrary() {
  using solo::testing::Step;
  return gen::build<Step>(gen::set(&Step::kind, gen::inRange<std::uint8_t>(0, solo::testing::kKinds)),
                          gen::set(&Step::service, gen::inRange<std::uint8_t>(0, solo::testing::kServices)),
                          gen::set(&Step::choice, gen::arbitrary<std::uint8_t>()),
                          gen::set(&Step::flag, gen::arbitrary<bool>()));
}

}  // namespace rc
