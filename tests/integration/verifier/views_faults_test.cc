// What the views hold and should not, and what the log has lost: named and left alone.
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "producers/record_format.h"
#include "projections/keys.h"
#include "projections/values.h"
#include "tests/integration/verifier/verifier_fixture.h"

namespace solo::testing {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;
using projections::Store;
using rocksdb::WriteBatch;

/// The shell stays, and with it the script's path in its command line.
constexpr const char* kScript = "#!/bin/sh\nsleep 1000\necho end\n";

class ViewsFaults : public VerifierTest {
 protected:
  static v1::SpecT job() {
    auto spec = exec_spec({"/bin/true"});
    spec.restart = v1::RestartPolicy::temporary;
    return spec;
  }
  /// A finished service: nothing runs that a start could meet.
  void deploy_job(const std::string& service) {
    deploy(service, job());
    ASSERT_TRUE(eventually([&] { return status(service).state == v1::ServiceState::finished; }));
  }
  /// Critical, named so, health says so, nothing touched although it was asked to fix.
  v1::VerificationReportT expect_critical(const Names& names, bool rebuild = false) {
    auto report = verify({.fix = true, .rebuild = rebuild});
    EXPECT_EQ(named(report), names) << words(report);
    EXPECT_EQ(report.status, v1::VerificationStatus::critical);
    EXPECT_EQ(report.repaired, 0U);
    for (const auto& one : report.inconsistencies) {
      EXPECT_NE(one->repair.find("left alone"), std::string::npos) << words(report);
    }
    EXPECT_EQ(health().status, v1::HealthStatus::degraded);
    const std::string detail = health().detail;
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return detail.find(name.substr(0, name.find(' '))) != std::string::npos;
    })) << detail;
    EXPECT_EQ(solo(rebuild ? std::vector<std::string>{"verify", "--rebuild"} : std::vector<std::string>{"verify"}).code,
              1);
    return report;
  }
  std::string evidence(const v1::VerificationReportT& report) {
    std::string all;
    for (const auto& one : report.inconsistencies) all += one->evidence + "\n";
    return all;
  }
};

TEST_F(ViewsFaults, ARemovedEntryIsInTheDigestAndNamedByTheReplay) {
  start();
  deploy_job("job");
  deploy_job("other");
  meddle_with_views([](Store&, WriteBatch& batch) { batch.Delete(projections::service_key("acme", "job")); });
  start();
  expect_critical({"views_digest"});
  const auto report = verify({.rebuild = true});
  EXPECT_EQ(named(report), (Names{"views_digest", "views_equal_replay"})) << words(report);
  EXPECT_NE(evidence(report).find("service acme/job"), std::string::npos) << words(report);
  EXPECT_EQ(first(report, "views_equal_replay").found, "no such entry");
}

TEST_F(ViewsFaults, AnAddedEntryIsInTheDigestAndNamedByTheReplay) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto record = stored_service(store, "job");
    record.service = "ghost";
    projections::Packer packer;
    const std::string key = projections::service_key("acme", "ghost");
    const std::string buffer(packer.pack(record));
    batch.Put(key, projections::with_hash(*projections::entry_hash(key, buffer), buffer));
  });
  start();
  expect_critical({"views_digest"});
  const auto report = verify({.rebuild = true});
  EXPECT_EQ(first(report, "views_equal_replay").expected, "no such entry");
  EXPECT_NE(evidence(report).find("service acme/ghost"), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, AFlippedByteInAValueIsNamedByItsEntry) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    const std::string key = projections::service_key("acme", "job");
    std::string value = **store.get(key);
    const auto at = value.find("/bin/true");
    ASSERT_NE(at, std::string::npos);
    value[at + 8] ^= 1;
    batch.Put(key, value);
  });
  start();
  const auto report = expect_critical({"views_digest", "views_entries_are_sound"});
  EXPECT_EQ(first(report, "views_entries_are_sound").expected, "a sound service acme/job");
}

TEST_F(ViewsFaults, AChangedEntryThatIsWholeInItselfIsFoundByTheReplay) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto record = stored_service(store, "job");
    record.current->spec->argv = {"/bin/false"};
    put_service(store, batch, record);
  });
  start();
  EXPECT_EQ(named(verify()), Names{}) << "the views are whole in themselves";
  const auto report = expect_critical({"views_equal_replay"}, true);
  EXPECT_NE(evidence(report).find("service acme/job"), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, AStaleSpecIsSeenByWhatTheProcessRuns) {
  start();
  deploy("web", script_spec(kScript));
  const auto pid = status("web").pid;
  // As if the views had the code of another deploy.
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto record = stored_service(store, "web");
    std::string& digest = record.current->code_digest;
    digest[0] = digest[0] == '0' ? '1' : '0';
    put_service(store, batch, record);
  });
  start();
  ASSERT_EQ(status("web").pid, pid) << "it was not adopted";
  const auto report = verify({.fix = true});
  EXPECT_EQ(named(report), (Names{"code_is_deployed acme/web", "views_entries_agree"})) << words(report);
  EXPECT_EQ(first(report, "code_is_deployed").process->pid, pid);
  EXPECT_EQ(report.repaired, 0U);
  EXPECT_EQ(status("web").pid, pid);
}

TEST_F(ViewsFaults, ACodeTextThatIsAnotherOneIsNamed) {
  start();
  deploy("web", script_spec(kScript));
  meddle_with_views([](Store& store, WriteBatch& batch) {
    const std::string digest = stored_service(store, "web").current->code_digest;
    const std::string key = "c" + digest;
    v1::CodeRecordT code;
    code.text = "#!/bin/sh\nrm -rf /nowhere\n";
    projections::Packer packer;
    const std::string buffer(packer.pack(code));
    batch.Put(key, projections::with_hash(*projections::entry_hash(key, buffer), buffer));
  });
  start();
  const auto report = expect_critical({"views_digest", "views_entries_agree"});
  EXPECT_EQ(first(report, "views_entries_agree").found, "its text is another one");
}

TEST_F(ViewsFaults, AMissingCodeTextIsNamed) {
  start();
  deploy("web", script_spec(kScript));
  meddle_with_views(
      [](Store& store, WriteBatch& batch) { batch.Delete("c" + stored_service(store, "web").current->code_digest); });
  start();
  const auto report = expect_critical({"views_digest", "views_entries_agree"});
  EXPECT_EQ(first(report, "views_entries_agree").found, "its text is missing");
}

TEST_F(ViewsFaults, AWrongDigestIsSeen) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto meta = stored_meta(store);
    meta.digest[3] ^= 1;
    put_meta(batch, meta);
  });
  start();
  expect_critical({"views_digest"});
}

TEST_F(ViewsFaults, AWrongCountIsSeenByTheReplay) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto meta = stored_meta(store);
    ++meta.dead_letters;
    put_meta(batch, meta);
  });
  start();
  const auto report = expect_critical({"views_equal_replay"}, true);
  EXPECT_NE(evidence(report).find("dead letters"), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, AWrongCountOfATenantsDeploysIsNamedByTheReplay) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    const std::string key = projections::text_key(projections::View::tenant, "acme");
    auto tenant = *projections::unpack<v1::TenantRecordT>(**store.get(key));
    ++tenant.deploys;
    projections::Packer packer;
    batch.Put(key, std::string(packer.pack(tenant)));
  });
  start();
  EXPECT_EQ(named(verify()), Names{}) << "the next generation would be another one than by the log";
  const auto report = expect_critical({"views_equal_replay"}, true);
  EXPECT_NE(evidence(report).find("the counts of tenant acme"), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, APositionThatSkipsARecordIsSeenByTheMarksAndTheReplay) {
  start();
  deploy_job("job");
  ASSERT_EQ(daemon_.stop(), 0);
  const auto views = daemon_.state() / "views";
  const auto kept = daemon_.state() / "views.kept";
  std::filesystem::copy(views, kept, std::filesystem::copy_options::recursive);
  start();
  deploy_job("late");
  daemon_.kill9();
  // Earlier views, as after a crash, and a position that is too far: the records before it are never applied.
  std::filesystem::remove_all(views);
  std::filesystem::rename(kept, views);
  {
    auto store = Store::open(views / "0", nullptr);
    ASSERT_TRUE(store);
    WriteBatch batch;
    auto meta = stored_meta(**store);
    // The next run's claim is one of them.
    meta.next_offset += 2;
    put_meta(batch, meta);
    ASSERT_TRUE((*store)->write(batch));
    ASSERT_TRUE((*store)->flush());
  }
  start();
  const auto report = verify({.fix = true, .rebuild = true});
  EXPECT_EQ(named(report), (Names{"views_equal_replay", "views_position"})) << words(report);
  EXPECT_EQ(report.repaired, 0U);
}

TEST_F(ViewsFaults, APositionThatRepeatsRecordsIsSeenByTheReplay) {
  start();
  deploy_job("job");
  meddle_with_views([](Store& store, WriteBatch& batch) {
    auto meta = stored_meta(store);
    // The deploy and what came after it.
    meta.next_offset -= 5;
    put_meta(batch, meta);
  });
  start();
  const auto report = verify({.rebuild = true});
  const auto names = named(report);
  EXPECT_TRUE(std::count(names.begin(), names.end(), "views_equal_replay")) << words(report);
  EXPECT_NE(evidence(report).find("duplicates"), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, AGapInTheLogIsFoundByTheReplay) {
  start();
  deploy_job("job");
  for (int i = 0; i < 80; ++i) deploy("j" + std::to_string(i), job());
  ASSERT_EQ(daemon_.stop(), 0);
  {
    rocksdb::DB* opened = nullptr;
    const auto path = (daemon_.state() / "log" / "db").string();
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), path, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    const auto key = producers::encode_offset(5);
    ASSERT_TRUE(db->Delete(rocksdb::WriteOptions(), {key.data(), key.size()}).ok());
    ASSERT_TRUE(db->Flush(rocksdb::FlushOptions()).ok());
  }
  // It reads the log through after its start, and is not well once it has come to the gap.
  daemon_.launch();
  ASSERT_TRUE(eventually([&] {
    return producers::CommandClient::connect({daemon_.endpoint(), 1s, daemon_.root_token()}) &&
           health().status == v1::HealthStatus::degraded;
  })) << daemon_.log();
  const auto report = verify({.fix = true, .rebuild = true});
  EXPECT_EQ(named(report), Names{"log_is_whole"}) << words(report);
  EXPECT_EQ(report.status, v1::VerificationStatus::critical);
  EXPECT_NE(first(report, "log_is_whole").found.find('5'), std::string::npos) << words(report);
}

TEST_F(ViewsFaults, WhatTheDiskDoesNotGiveBackIsNamedAndLeftAloneAndTheWayOnThatIsToldWorks) {
  start();
  for (int at = 0; at < 20; ++at) {
    auto spec = script_spec("#!/bin/sh\nexit 0\n# " + std::string(8'000, static_cast<char>('a' + at)) + "\n");
    spec.restart = v1::RestartPolicy::temporary;
    deploy("job-" + std::to_string(at), spec);
  }
  restart();
  // Its token is known to the daemon from here on.
  ASSERT_EQ(status("job-7").state, v1::ServiceState::finished);
  // Everything before the tables' indexes and footers; what was read before lies in memory.
  for (const auto& file : std::filesystem::directory_iterator(daemon_.state() / "views" / "0")) {
    if (file.path().extension() != ".sst") continue;
    std::fstream table(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string zeros(file.file_size() / 2, '\0');
    table.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    ASSERT_TRUE(table.flush().good());
  }
  const auto report = verify({.fix = true});
  EXPECT_EQ(named(report), Names{"views_are_readable"}) << words(report);
  EXPECT_EQ(report.status, v1::VerificationStatus::critical);
  const std::string repair = first(report, "views_are_readable").repair;
  EXPECT_NE(repair.find("left alone"), std::string::npos) << repair;
  EXPECT_NE(repair.find("rebuilt from the log"), std::string::npos) << repair;
  // Unless it has met the damage itself by now, and ended.
  daemon_.kill9();
  std::filesystem::rename(daemon_.state() / "views", daemon_.state() / "views.old");
  start();
  EXPECT_EQ(named(verify({.rebuild = true})), Names{}) << daemon_.log();
  EXPECT_EQ(status("job-7").state, v1::ServiceState::finished);
}

TEST_F(ViewsFaults, AfterTheViewsWereRebuiltAllAgreesAgain) {
  start();
  deploy("web", script_spec(kScript));
  const auto pid = status("web").pid;
  meddle_with_views(
      [](Store& store, WriteBatch& batch) { batch.Delete("c" + stored_service(store, "web").current->code_digest); });
  start();
  EXPECT_EQ(verify().status, v1::VerificationStatus::critical);
  ASSERT_EQ(daemon_.stop(), 0);
  std::filesystem::rename(daemon_.state() / "views", daemon_.state() / "views.old");
  start();
  const auto report = verify({.rebuild = true});
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_EQ(status("web").pid, pid);
  EXPECT_EQ(health().status, v1::HealthStatus::ok);
}

TEST_F(ViewsFaults, ADaemonOfAnotherMindIsSeenInWhatTheViewsListOfAService) {
  start();
  deploy_sleeper("web");
  const auto before = status("web");
  daemon_.kill9();
  ::kill(before.pid, SIGKILL);
  start();
  const auto report = verify({.rebuild = true});
  EXPECT_EQ(named(report), Names{}) << words(report);
  EXPECT_NE(status("web").pid, before.pid);
}

}  // namespace
}  // namespace solo::testing
