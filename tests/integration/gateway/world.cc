#include "tests/integration/gateway/world.h"

#include <thread>

#include "consumers/memory_reader.h"
#include "schemas/codec.h"
#include "schemas/ids.h"
#include "schemas/partitioning.h"

namespace solo::testing {
namespace {

constexpr const char* kNode = "node-1";
constexpr const char* kRun = "11111111-1111-4111-8111-111111111111";

v1::ObservedT observed_of(std::uint64_t generation, std::uint64_t restart_epoch) {
  v1::ObservedT observed;
  observed.run = kRun;
  observed.generation = generation;
  observed.instance = schemas::instance_id(kRun, generation * 100 + restart_epoch);
  observed.restart_epoch = restart_epoch;
  return observed;
}

v1::RequestT request(std::string id, std::string tenant, v1::Wait wait) {
  v1::RequestT made;
  made.id = std::move(id);
  made.tenant = std::move(tenant);
  made.wait = wait;
  made.token = test_root().text;
  return made;
}

}  // namespace

schemas::Result<producers::OutputTail> StubHost::output(const schemas::ServiceKey& service, std::size_t bytes) {
  if (service.service.str() == "silent") return schemas::fail(schemas::ErrorCode::not_found, "it has never run here");
  const std::string text = "output of " + to_string(service);
  const std::size_t from = text.size() > bytes ? text.size() - bytes : 0;
  return producers::OutputTail{text.substr(from), from != 0};
}

void StubHealth::fill(v1::HealthReportT& report) {
  report.version = "test";
  report.uptime_ms = 1;
}

World::World(producers::GatewayOptions options)
    : endpoint_("ipc://" + (dir_.path() / "command.sock").string()), log_(std::make_unique<producers::MemoryLog>()) {
  projections::ViewOptions view_options;
  view_options.directory = dir_.path() / "views";
  view_options.log_uuid = log_->genesis().log_uuid;
  auto views = projections::Views::open(view_options, nullptr);
  if (!views) throw std::runtime_error(views.error().message);
  views_ = *std::move(views);

  v1::EventT claim;
  claim.id = schemas::instance_id(kRun, 0);
  claim.source = std::string("/nodes/") + kNode;
  claim.tenant = "system";
  v1::RuntimeClaimedT claimed;
  claimed.node = kNode;
  claimed.run = kRun;
  claim.payload.Set(std::move(claimed));
  log_->put(0, "system", schemas::encode(claim));

  log_->put(0, "system", schemas::encode(test_root_event()));

  tokens_ = std::make_unique<projections::TokenChecker>(*views_);
  start_projector();
  wait_applied();
  restart_gateway(std::move(options));
}

void World::restart_gateway(producers::GatewayOptions options) {
  subscription_.reset();
  gateway_.reset();
  options.endpoints.insert(options.endpoints.begin(), endpoint_);
  gateway_ = std::make_unique<producers::Gateway>(options, *log_, *views_, *tokens_, host_, health_, clock_);
  if (projector_) listen();
  if (auto started = gateway_->start(); !started) throw std::runtime_error(started.error().message);
}

void World::listen() {
  subscription_ = projector_->listen([this](const projections::ViewChange& change) { gateway_->on_change(change); });
}

World::~World() {
  gateway_->stop();
  log_->release();
  subscription_.reset();
  projector_.reset();
}

void World::start_projector() {
  projector_ = std::make_unique<consumers::Projector>(
      *views_,
      [this](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<consumers::EventReader>> {
        return std::make_unique<consumers::MemoryReader>(*log_, partition, from);
      },
      [](std::int32_t, const schemas::Error& error) { ADD_FAILURE() << "projector: " << error.message; });
  if (gateway_) listen();
  if (auto started = projector_->start(); !started) throw std::runtime_error(started.error().message);
}

void World::hold_views() {
  wait_applied();
  subscription_.reset();
  projector_.reset();
}

void World::resume_views() { start_projector(); }

void World::wait_applied() {
  ASSERT_TRUE(eventually([&] { return views_->partition(0).next_offset() >= log_->bounds(0)->end; }));
}

bool World::eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void World::observe(const std::string& tenant, const std::string& service, v1::PayloadUnion payload) {
  v1::EventT event;
  event.id = schemas::instance_id(kRun, ++observed_);
  event.source = std::string("/nodes/") + kNode;
  event.tenant = tenant;
  event.service = service;
  event.payload = std::move(payload);
  log_->put(0, tenant, schemas::encode(event));
}

void World::started(const std::string& tenant, const std::string& service, std::uint64_t generation,
                    std::uint64_t restart_epoch) {
  v1::ServiceStartedT started;
  started.observed.ensure() = observed_of(generation, restart_epoch);
  started.identity.ensure().pid = 4711;
  started.node = kNode;
  v1::PayloadUnion payload;
  payload.Set(std::move(started));
  observe(tenant, service, std::move(payload));
}

void World::stopped(const std::string& tenant, const std::string& service, std::uint64_t generation) {
  v1::ServiceStoppedT stopped;
  stopped.observed.ensure() = observed_of(generation, 0);
  stopped.settled = true;
  v1::PayloadUnion payload;
  payload.Set(std::move(stopped));
  observe(tenant, service, std::move(payload));
}

void World::deployment_failed(const std::string& tenant, const std::string& service, std::uint64_t generation,
                              const std::string& reason, const std::string& detail) {
  v1::ServiceDeploymentFailedT failed;
  failed.observed.ensure() = observed_of(generation, 0);
  failed.reason = reason;
  failed.detail = detail;
  v1::PayloadUnion payload;
  payload.Set(std::move(failed));
  observe(tenant, service, std::move(payload));
}

void World::recovered(v1::SystemRecoveredT recovered) {
  recovered.report.ensure().run = kRun;
  v1::PayloadUnion payload;
  payload.Set(std::move(recovered));
  observe("system", "", std::move(payload));
}

void World::sweep(const std::string& tenant, std::vector<std::string> hashes) {
  v1::CapabilitiesRemovedT removed;
  removed.hashes = std::move(hashes);
  removed.expired_before = clock_.wall_us();
  v1::PayloadUnion payload;
  payload.Set(std::move(removed));
  observe(tenant, "", std::move(payload));
  wait_applied();
}

v1::RequestT deploy(std::string id, std::string service, v1::Wait wait, std::string tenant) {
  v1::RequestT made = request(std::move(id), std::move(tenant), wait);
  v1::DeployT body;
  body.service = std::move(service);
  v1::SpecT& spec = body.spec.ensure();
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep", "1000"};
  made.body.Set(std::move(body));
  return made;
}

v1::RequestT kill(std::string id, std::string service, v1::Wait wait, std::string tenant) {
  v1::RequestT made = request(std::move(id), std::move(tenant), wait);
  v1::KillT body;
  body.service = std::move(service);
  made.body.Set(std::move(body));
  return made;
}

v1::RequestT restart(std::string id, std::string service, v1::Wait wait, std::string tenant) {
  v1::RequestT made = request(std::move(id), std::move(tenant), wait);
  v1::RestartT body;
  body.service = std::move(service);
  made.body.Set(std::move(body));
  return made;
}

v1::RequestT status(std::string service, std::string tenant) {
  v1::RequestT made = request("status", std::move(tenant), v1::Wait::unspecified);
  v1::StatusT body;
  body.service = std::move(service);
  made.body.Set(std::move(body));
  return made;
}

v1::RequestT list(std::string tenant) {
  v1::RequestT made = request("list", std::move(tenant), v1::Wait::unspecified);
  made.body.Set(v1::ListT());
  return made;
}

v1::RequestT health() {
  v1::RequestT made = request("health", "", v1::Wait::unspecified);
  made.body.Set(v1::HealthT());
  return made;
}

}  // namespace solo::testing
