#include "consumers/verification_report.h"

#include <gtest/gtest.h>

#include "schemas/codec.h"

namespace solo::consumers {
namespace {

Finding made(Invariant invariant, const std::string& service, std::size_t text = 10) {
  Finding finding = finding_of(invariant);
  finding.tenant = "acme";
  finding.service = service;
  finding.expected = finding.found = finding.evidence = finding.repair = std::string(text, 'x');
  return finding;
}

std::uint64_t found_by(const v1::VerificationReportT& report, const std::string& code) {
  for (const auto& check : report.checked) {
    if (check->code == code) return check->found;
  }
  return 0;
}

std::size_t size_as_event(const v1::VerificationReportT& report) {
  v1::VerificationReportedT reported;
  reported.report = report;
  v1::EventT event;
  event.id = event.source = event.tenant = std::string(128, 'i');
  event.payload.Set(std::move(reported));
  return schemas::encode(event).size();
}

TEST(PutFindings, ManyDifferencesAreCutToWhatAnEventTakesAndTheRestIsCounted) {
  Diff diff;
  for (int i = 0; i < 10'000; ++i) {
    diff.findings.push_back(made(Invariant::process_is_known, "s" + std::to_string(i), 100'000));
  }
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies_found, 10'000U);
  EXPECT_GT(report.inconsistencies.size(), 20U);
  EXPECT_LE(report.inconsistencies.size(), kMaxListed);
  EXPECT_EQ(found_by(report, "process_is_known"), 10'000U);
  EXPECT_LE(size_as_event(report), schemas::kMaxEventBytes);
}

TEST(PutFindings, ShortDifferencesAreListedUpToTheirNumber) {
  Diff diff;
  for (int i = 0; i < 201; ++i) diff.findings.push_back(made(Invariant::one_instance, "s" + std::to_string(i)));
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies.size(), kMaxListed);
  EXPECT_EQ(report.inconsistencies_found, 201U);
  EXPECT_EQ(report.inconsistencies.front()->found, std::string(10, 'x')) << "left as it is";
}

TEST(PutFindings, TheCriticalOnesAreListedFirst) {
  Diff diff;
  for (int i = 0; i < 300; ++i) diff.findings.push_back(made(Invariant::one_instance, "s" + std::to_string(i)));
  diff.findings.push_back(made(Invariant::views_digest, ""));
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies.front()->code, "views_digest");
  EXPECT_EQ(report.inconsistencies[1]->service, "s0") << "the others in their order";
  EXPECT_EQ(report.status, v1::VerificationStatus::critical);
}

TEST(PutFindings, WhatWasCountedWithoutANameIsFoundToo) {
  Diff diff;
  diff.findings.push_back(made(Invariant::token_indexes_agree, ""));
  diff.unnamed[static_cast<std::size_t>(Invariant::token_indexes_agree)] = 49;
  diff.checked[static_cast<std::size_t>(Invariant::token_indexes_agree)] = 1000;
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies_found, 50U);
  EXPECT_EQ(found_by(report, "token_indexes_agree"), 50U);
  EXPECT_EQ(report.inconsistencies.size(), 1U);
}

TEST(PutFindings, WhatWasMendedCountsButDoesNotAlarm) {
  Diff diff;
  diff.findings.push_back(made(Invariant::one_instance, "web"));
  diff.findings.front().repaired = true;
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies_found, 1U);
  EXPECT_EQ(report.repaired, 1U);
  EXPECT_EQ(report.status, v1::VerificationStatus::ok);
}

TEST(PutFindings, ATextThatIsNoneIsMadeOne) {
  Diff diff;
  diff.findings.push_back(made(Invariant::one_instance, "web"));
  diff.findings.front().evidence = "n\xff";
  v1::VerificationReportT report;
  put_findings(diff, report);
  EXPECT_EQ(report.inconsistencies.front()->evidence, "n\ufffd");
}

TEST(PutFindings, ATextIsNotCutWithinACharacter) {
  Diff diff;
  diff.findings.push_back(made(Invariant::one_instance, "web"));
  std::string& found = diff.findings.front().found;
  found = "x";
  while (found.size() < 2 * kMaxFindingText) found += "\u20ac";
  v1::VerificationReportT report;
  put_findings(diff, report);
  const std::string& cut = report.inconsistencies.front()->found;
  EXPECT_LE(cut.size(), kMaxFindingText + 3);
  EXPECT_EQ(cut.substr(cut.size() - 6), "\u20ac...");
}

}  // namespace
}  // namespace solo::consumers
