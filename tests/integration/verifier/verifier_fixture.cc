#include "tests/integration/verifier/verifier_fixture.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "producers/log_inspection.h"
#include "projections/keys.h"
#include "projections/values.h"
#include "schemas/codec.h"

namespace solo::testing {

namespace {

using projections::Store;

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

schemas::Hash128 digest_of(const v1::PartitionMetaT& meta) { return schemas::Hash128::from_bytes(meta.digest.data()); }

}  // namespace

std::uint64_t VerifierTest::deploy(const std::string& service, v1::SpecT spec, bool replace) {
  auto request = deploy_request({}, "acme", service, std::move(spec));
  request.body.AsDeploy()->replace = replace;
  const auto reply = daemon_.client()->call(std::move(request));
  EXPECT_TRUE(reply && reply->ok) << (reply && reply->error ? reply->error->message : "") << daemon_.log();
  const auto* status = reply ? reply->body.AsServiceStatus() : nullptr;
  return status != nullptr ? status->generation : 0;
}

void VerifierTest::kill_service(const std::string& service) {
  const auto reply = daemon_.client()->call(kill_request({}, "acme", service));
  ASSERT_TRUE(reply && reply->ok) << daemon_.log();
}

v1::ReplyT VerifierTest::call(v1::CommandUnion body, const std::string& tenant) {
  v1::RequestT request;
  request.id = "test";
  request.tenant = tenant;
  request.timeout_ms = 60'000;
  request.body = std::move(body);
  auto reply = daemon_.client()->call(std::move(request));
  EXPECT_TRUE(reply) << reply.error().message << daemon_.log();
  return reply ? std::move(*reply) : v1::ReplyT{};
}

v1::ServiceStatusT VerifierTest::status(const std::string& service) {
  v1::CommandUnion body;
  body.Set(v1::StatusT{});
  body.AsStatus()->service = service;
  const auto reply = call(std::move(body));
  const auto* answer = reply.body.AsServiceStatus();
  return answer != nullptr ? *answer : v1::ServiceStatusT{};
}

v1::VerificationReportT VerifierTest::verify(const Wanted& wanted) {
  v1::CommandUnion body;
  v1::VerificationT verification;
  verification.fix = wanted.fix;
  verification.dry_run = wanted.dry_run;
  verification.rebuild = wanted.rebuild;
  body.Set(verification);
  const auto reply = call(std::move(body), wanted.tenant);
  const auto* report = reply.body.AsVerificationReport();
  EXPECT_NE(report, nullptr) << (reply.error ? reply.error->message : "") << daemon_.log();
  return report != nullptr ? *report : v1::VerificationReportT{};
}

v1::HealthReportT VerifierTest::health() {
  v1::CommandUnion body;
  body.Set(v1::HealthT{});
  const auto reply = call(std::move(body), "");
  const auto* report = reply.body.AsHealthReport();
  return report != nullptr ? *report : v1::HealthReportT{};
}

Finished VerifierTest::solo(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), SOLO_PATH);
  return run(std::move(arguments), {"SOLO_STATE_DIR=" + daemon_.state().string()});
}

Child& VerifierTest::spawn_stray(const Stray& stray) {
  const auto& state = daemon_.state();
  const std::string node = stray.node.empty() ? first_line(state / "node") : stray.node;
  const auto out = state / "stray.out";
  std::vector<std::string> argv{"/usr/bin/setsid", "/bin/sleep", "1000"};
  std::vector<std::string> marker{"SOLO_LOG=" + health().log->uuid,
                                  "SOLO_NODE=" + node,
                                  "SOLO_TENANT=" + stray.tenant,
                                  "SOLO_SERVICE=" + stray.service,
                                  "SOLO_INSTANCE=" + stray.instance,
                                  fmt::format("SOLO_GENERATION={}", stray.generation),
                                  "HOME=" + (state / "services").string() + "/x"};
  if (stray.stubborn) {
    // From the first moment at which somebody can find it by its marker.
    argv.insert(argv.begin(), std::make_move_iterator(marker.begin()), std::make_move_iterator(marker.end()));
    argv.insert(argv.begin(), {"/usr/bin/env", "--ignore-signal=TERM"});
    marker.clear();
  }
  strays_.push_back(std::make_unique<Child>(argv, out, out, marker));
  Child& started = *strays_.back();
  EXPECT_TRUE(eventually(
      [&] { return has_become(started.pid(), "/bin/sleep") || started.wait(std::chrono::milliseconds(0)); }));
  return started;
}

std::size_t VerifierTest::count_sleepers() const {
  const auto all = daemon_.processes();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const ServiceProcess& process) {
    return has_become(process.pid, "sleep") || has_become(process.pid, "/bin/sleep");
  }));
}

std::vector<v1::EventT> VerifierTest::events(v1::Payload type) {
  std::vector<v1::EventT> found;
  auto log = producers::LogInspector::open(daemon_.state() / "log");
  EXPECT_TRUE(log);
  if (!log) return found;
  for (std::int64_t from = 0;;) {
    const auto records = (*log)->read(from, 1000);
    EXPECT_TRUE(records);
    if (!records || records->empty()) return found;
    from = records->back().position.offset + 1;
    for (const auto& record : *records) {
      auto event = schemas::decode_event(record.value);
      if (event && event->payload.type == type) found.push_back(std::move(*event));
    }
  }
}

void VerifierTest::meddle_with_views(const Meddle& meddle) {
  ASSERT_EQ(daemon_.stop(), 0) << daemon_.log();
  auto store = Store::open(daemon_.state() / "views" / "0", nullptr);
  ASSERT_TRUE(store) << store.error().error.message;
  rocksdb::WriteBatch batch;
  meddle(**store, batch);
  ASSERT_TRUE((*store)->write(batch));
  ASSERT_TRUE((*store)->flush());
}

v1::PartitionMetaT VerifierTest::stored_meta(Store& store) {
  return *projections::unpack<v1::PartitionMetaT>(**store.get(projections::prefix_key(projections::View::meta)));
}

void VerifierTest::put_meta(rocksdb::WriteBatch& batch, const v1::PartitionMetaT& meta) {
  projections::Packer packer;
  batch.Put(projections::prefix_key(projections::View::meta), std::string(packer.pack(meta)));
}

v1::ServiceRecordT VerifierTest::stored_service(Store& store, const std::string& service) {
  const std::string value = **store.get(projections::service_key("acme", service));
  return *projections::unpack<v1::ServiceRecordT>(std::string(projections::split_hash(value)->buffer));
}

void VerifierTest::put_service(Store& store, rocksdb::WriteBatch& batch, const v1::ServiceRecordT& record) {
  const std::string key = projections::service_key(record.tenant, record.service);
  auto meta = stored_meta(store);
  schemas::Hash128 digest = digest_of(meta);
  if (const auto before = *store.get(key)) digest -= projections::split_hash(*before)->hash;
  projections::Packer packer;
  const std::string buffer(packer.pack(record));
  const auto hash = *projections::entry_hash(key, buffer);
  digest += hash;
  batch.Put(key, projections::with_hash(hash, buffer));
  const auto bytes = digest.bytes();
  meta.digest.assign(bytes.begin(), bytes.end());
  put_meta(batch, meta);
}

std::string words(const v1::VerificationReportT& report) {
  std::string all = v1::EnumNameVerificationStatus(report.status);
  for (const auto& one : report.inconsistencies) {
    all += fmt::format("\n{} {}/{} expected {}; found {}; {}; {}", one->code, one->tenant, one->service, one->expected,
                       one->found, one->evidence, one->repair);
  }
  return all + "\n";
}

std::vector<std::string> named(const v1::VerificationReportT& report) {
  std::vector<std::string> names;
  for (const auto& one : report.inconsistencies) {
    names.push_back(one->code + (one->service.empty() ? "" : " " + one->tenant + "/" + one->service));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

v1::InconsistencyT first(const v1::VerificationReportT& report, const std::string& code) {
  for (const auto& one : report.inconsistencies) {
    if (one->code == code) return *one;
  }
  ADD_FAILURE() << "no " << code << " in " << words(report);
  return {};
}

}  // namespace solo::testing
