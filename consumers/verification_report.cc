#include "consumers/verification_report.h"

#include <algorithm>
#include <string>

#include "projections/text.h"
#include "schemas/text.h"

namespace solo::consumers {

namespace {

bool is_critical(const Finding& finding) { return finding.severity == v1::Severity::critical; }

v1::VerificationStatus status_of(const Diff& diff) {
  auto status = v1::VerificationStatus::ok;
  for (const Finding& finding : diff.findings) {
    if (finding.repaired) continue;
    status =
        std::max(status, is_critical(finding) ? v1::VerificationStatus::critical : v1::VerificationStatus::warning);
  }
  return status;
}

/// Whatever it was made of: a report that cannot be read tells nothing.
void make_fit(std::string& text) {
  if (!schemas::is_utf8(text)) text = schemas::to_utf8(text);
  if (text.size() > kMaxFindingText) text = std::string(projections::clip_head(text, kMaxFindingText)) + "...";
}

std::size_t size_of(const Finding& finding) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(v1::Inconsistency::Pack(builder, &finding));
  return builder.GetSize();
}

}  // namespace

void put_findings(const Diff& diff, v1::VerificationReportT& report) {
  report.status = status_of(diff);
  report.inconsistencies_found = diff.findings.size();
  report.repaired = static_cast<std::uint64_t>(std::count_if(diff.findings.begin(), diff.findings.end(),
                                                             [](const Finding& finding) { return finding.repaired; }));
  report.at_work = diff.at_work;
  report.checked.clear();
  for (const InvariantInfo& info : all_invariants()) {
    const auto at = static_cast<std::size_t>(info.invariant);
    v1::InvariantCheckT check;
    check.code = info.name;
    check.checked = diff.checked[at];
    check.found = diff.unnamed[at] + static_cast<std::uint64_t>(std::count_if(
                                         diff.findings.begin(), diff.findings.end(),
                                         [&](const Finding& finding) { return finding.code == info.name; }));
    report.inconsistencies_found += diff.unnamed[at];
    if (check.checked != 0 || check.found != 0) report.checked.emplace_back(std::move(check));
  }
  std::vector<const Finding*> sorted;
  for (const Finding& finding : diff.findings) sorted.push_back(&finding);
  std::stable_partition(sorted.begin(), sorted.end(), [](const Finding* finding) { return is_critical(*finding); });
  report.inconsistencies.clear();
  std::size_t bytes = 0;
  for (const Finding* finding : sorted) {
    if (report.inconsistencies.size() == kMaxListed) break;
    Finding listed = *finding;
    for (std::string* text : {&listed.expected, &listed.found, &listed.evidence, &listed.repair}) make_fit(*text);
    bytes += size_of(listed);
    if (bytes > kMaxListedBytes) break;
    report.inconsistencies.emplace_back(std::move(listed));
  }
}

}  // namespace solo::consumers
