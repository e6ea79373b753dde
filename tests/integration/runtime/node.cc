#include "tests/integration/runtime/node.h"

#include <future>
#include <utility>
#include <variant>

#include "consumers/embedded_reader.h"
#include "projections/service_state.h"
#include "schemas/codec.h"

namespace solo::consumers::testing {

namespace {

constexpr const char* kTenant = "acme";

schemas::ServiceKey key_of(const std::string& service) {
  return {schemas::TenantName::trusted(kTenant), schemas::ServiceName::trusted(service)};
}

v1::SpecT spec_of(v1::Format format, v1::RestartPolicy policy) {
  v1::SpecT spec;
  spec.format = format;
  spec.restart = policy;
  return spec;
}

}  // namespace

v1::SpecT exec_spec(std::vector<std::string> argv, v1::RestartPolicy policy) {
  v1::SpecT spec = spec_of(v1::Format::exec, policy);
  spec.argv = std::move(argv);
  return spec;
}

v1::SpecT script_spec(std::string code, v1::RestartPolicy policy) {
  v1::SpecT spec = spec_of(v1::Format::script, policy);
  spec.code = std::move(code);
  return spec;
}

v1::SpecT cxx_spec(std::string code, v1::RestartPolicy policy) {
  v1::SpecT spec = spec_of(v1::Format::cxx, policy);
  spec.code = std::move(code);
  return spec;
}

Node::Node(std::shared_ptr<producers::MemoryStorage> storage, Options options) : options_(std::move(options)) {
  auto memory = std::make_unique<producers::MemoryLog>(std::move(storage));
  memory_ = memory.get();
  log_ = std::move(memory);
  build([this](std::int32_t partition, std::int64_t from) -> schemas::Result<std::unique_ptr<EventReader>> {
    return std::make_unique<MemoryReader>(*memory_, partition, from);
  });
}

Node::Node(Options options) : options_(std::move(options)) {
  producers::EmbeddedLogOptions log_options;
  log_options.directory = options_.state / "log";
  auto log = producers::EmbeddedLog::open(std::move(log_options), clock_, entropy_);
  EXPECT_TRUE(log) << log.error().message;
  auto* embedded = log->get();
  log_ = std::move(*log);
  build([embedded](std::int32_t, std::int64_t from) -> schemas::Result<std::unique_ptr<EventReader>> {
    return std::make_unique<EmbeddedReader>(*embedded, from);
  });
}

void Node::build(Projector::OpenReader open_reader) {
  options_.runtime.state = options_.state;
  projections::ViewOptions view_options;
  view_options.directory = options_.state / "views";
  view_options.log_uuid = log_->genesis().log_uuid;
  auto views = projections::Views::open(view_options, nullptr);
  EXPECT_TRUE(views) << views.error().message;
  views_ = std::move(*views);
  projector_ =
      std::make_unique<Projector>(*views_, std::move(open_reader),
                                  [](std::int32_t, const schemas::Error& error) { ADD_FAILURE() << error.message; });
  PublisherOptions publishing{schemas::NodeName::trusted(options_.name), options_.run, options_.state / "outbox"};
  publisher_ = std::make_unique<ObservationPublisher>(*log_, clock_, publishing);
  host_ = std::make_unique<LinuxProcessHost>(
      LinuxProcessHostOptions{.lock_descriptor = options_.lock_descriptor, .run = options_.run});
  runtime_ = std::make_unique<Runtime>(
      options_.runtime, RuntimeParts{*log_, *views_, *projector_, *publisher_, *host_, clock_, entropy_});
  EXPECT_TRUE(projector_->start());
}

Node::~Node() = default;

void Node::start() {
  ASSERT_TRUE(runtime_->start([this](RuntimePhase) { ready_ = true; }));
  ASSERT_TRUE(eventually([this] { return ready_.load(); }, 30s));
  // And until what the start reported is in the views.
  ASSERT_TRUE(eventually(
      [this] { return publisher_->pending() == 0 && views_->partition(0).next_offset() == log_->bounds(0)->end; }));
}

void Node::append(const std::string& service, v1::PayloadUnion payload) {
  v1::EventT event;
  event.id = entropy_.uuid();
  event.source = std::string("/commands/") + kTenant;
  event.tenant = kTenant;
  event.service = service;
  event.time = clock_.wall_us();
  event.payload = std::move(payload);
  std::promise<producers::AppendResult> promise;
  log_->commands().append(kTenant, schemas::encode(event),
                          [&](producers::AppendResult result) { promise.set_value(result); });
  const auto result = promise.get_future().get();
  const auto* durable = std::get_if<producers::Durable>(&result);
  ASSERT_NE(durable, nullptr);
  const auto applied = projector_->wait_for(schemas::Cut{{durable->position}},
                                            std::chrono::steady_clock::now() + std::chrono::seconds(10));
  EXPECT_TRUE(applied) << applied.error().message;
}

void Node::deploy(const std::string& service, const v1::SpecT& spec, bool replace) {
  v1::ServiceDeployedT deployed;
  deployed.spec = spec;
  deployed.replace = replace;
  v1::PayloadUnion payload;
  payload.Set(std::move(deployed));
  append(service, std::move(payload));
}

void Node::kill(const std::string& service, std::uint32_t grace_ms, bool force) {
  v1::ServiceKilledT killed;
  killed.grace_ms = grace_ms;
  killed.force = force;
  v1::PayloadUnion payload;
  payload.Set(std::move(killed));
  append(service, std::move(payload));
}

void Node::restart(const std::string& service) {
  v1::PayloadUnion payload;
  payload.Set(v1::ServiceRestartRequestedT{});
  append(service, std::move(payload));
}

std::optional<v1::ServiceRecordT> Node::record(const std::string& service) const {
  const schemas::ServiceKey key = key_of(service);
  auto found = views_->of(key.tenant).service(key);
  EXPECT_TRUE(found);
  return found ? std::move(*found) : std::nullopt;
}

v1::ServiceState Node::state(const std::string& service) const {
  const auto found = record(service);
  return found ? projections::derive_state(*found) : v1::ServiceState::killed;
}

pid_t Node::pid(const std::string& service) const {
  const auto found = record(service);
  return found ? projections::to_status(*found).pid : 0;
}

std::string Node::output(const std::string& service) {
  const auto tail = runtime_->output(key_of(service), 1'000'000);
  return tail ? tail->text : std::string();
}

bool Node::becomes(const std::string& service, v1::ServiceState wanted, std::chrono::milliseconds timeout) const {
  return eventually([&] { return state(service) == wanted; }, timeout);
}

bool Node::runs_as_other_than(const std::string& service, pid_t former) const {
  return eventually(
      [&] { return state(service) == v1::ServiceState::running && pid(service) != 0 && pid(service) != former; });
}

std::vector<std::string> Node::history(const std::string& service) const {
  std::vector<std::string> types;
  for (const auto& record : memory_->records()) {
    const auto event = schemas::decode_event(record.value);
    if (event && event->service == service) types.emplace_back(v1::EnumNamePayload(event->payload.type));
  }
  return types;
}

std::optional<v1::RecoveryReportT> Node::recovery() const {
  std::optional<v1::RecoveryReportT> report;
  eventually([&] {
    const auto tenant = schemas::TenantName::trusted("system");
    const auto found = views_->of(tenant).last_recovery();
    if (!found || !*found || !(*found)->report || (*found)->report->run != options_.run) return false;
    report = *(*found)->report;
    return true;
  });
  return report;
}

std::vector<std::string> Node::shutdown(ServicesAtShutdown services) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  auto undone = runtime_->shutdown(deadline, services);
  const auto left = publisher_->close(deadline);
  EXPECT_TRUE(left);
  if (left) undone.insert(undone.end(), left->begin(), left->end());
  return undone;
}

RuntimeTest::RuntimeTest() : storage_(std::make_shared<producers::MemoryStorage>(1, log_)) {
  std::filesystem::create_directory(path("state"));
}

Node::Options RuntimeTest::options(const std::string& run) const {
  Node::Options result;
  result.state = path("state");
  result.run = run;
  result.runtime.version = "test";
  result.runtime.path = "/usr/bin:/bin";
  return result;
}

std::unique_ptr<Node> RuntimeTest::start(const std::string& run) { return start(options(run)); }

std::unique_ptr<Node> RuntimeTest::start(Node::Options node_options) {
  auto node = std::make_unique<Node>(storage_, std::move(node_options));
  node->start();
  return node;
}

std::filesystem::path RuntimeTest::service_path(const std::string& service, const std::string& name) const {
  return path("state") / "services" / kTenant / service / name;
}

std::size_t RuntimeTest::count_processes(const std::string& service) const {
  const auto all = found();
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [&](const FoundProcess& one) { return one.marker.service == service && one.leader; }));
}

}  // namespace solo::consumers::testing
