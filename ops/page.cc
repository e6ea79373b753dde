// Pages as text.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "ops/args.h"

namespace solo::ops {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 4;
constexpr std::size_t kColumn = 28;

/// Words of `text` in lines of at most `width`, each behind `indent` spaces but the first.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t first_used) {
  std::istringstream words(text);
  std::string out;
  std::string word;
  std::size_t used = first_used;
  bool at_start = true;
  while (words >> word) {
    if (!at_start && used + 1 + word.size() > kWidth) {
      out += '\n' + std::string(indent, ' ');
      used = indent;
      at_start = true;
    }
    if (!at_start) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
    at_start = false;
  }
  return out;
}

std::string two_columns(const std::string& left, const std::string& right) {
  std::string out = std::string(kIndent, ' ') + left;
  if (right.empty()) return out + '\n';
  if (out.size() + 2 > kColumn) {
    out += '\n' + std::string(kColumn, ' ');
  } else {
    out += std::string(kColumn - out.size(), ' ');
  }
  return out + wrapped(right, kColumn, kColumn) + '\n';
}

std::string paragraphs(const std::string& text) {
  std::string out;
  std::string paragraph;
  const auto flush = [&] {
    if (!paragraph.empty()) out += std::string(kIndent, ' ') + wrapped(paragraph, kIndent, kIndent) + '\n';
    paragraph.clear();
  };
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == ' ') {
      flush();
      out += line.empty() ? "\n" : std::string(kIndent, ' ') + line + '\n';
    } else {
      paragraph += line + ' ';
    }
  }
  flush();
  return out;
}

std::string shown(const Option& option) {
  std::string names = option.names;
  if (auto comma = names.find(','); comma != std::string::npos) names.insert(comma + 1, " ");
  return option.value.empty() ? names : names + ' ' + option.value;
}

void add_options(std::string& out, std::string_view title, const std::vector<Option>& options, bool with_help) {
  if (options.empty() && !with_help) return;
  out += fmt::format("\n{}\n", title);
  for (const auto& option : options) out += two_columns(shown(option), option.help);
  if (with_help) out += two_columns("-h, --help", "Print this page.");
}

void add_lines(std::string& out, std::string_view title, const std::vector<Line>& lines) {
  if (lines.empty()) return;
  out += fmt::format("\n{}\n", title);
  for (const auto& line : lines) out += two_columns(line.first, line.second);
}

}  // namespace

std::string to_text(const Page& page) {
  std::string out = fmt::format("NAME\n    {} - {}\n\nSYNOPSIS\n", page.name, page.summary);
  for (const auto& line : page.synopsis) out += fmt::format("    {} {}\n", page.name, line);
  if (!page.description.empty()) out += "\nDESCRIPTION\n" + paragraphs(page.description);
  add_lines(out, "COMMANDS", page.commands);
  if (!page.operands.empty()) {
    out += "\nARGUMENTS\n";
    for (const auto& operand : page.operands) out += two_columns(operand.name, operand.help);
  }
  add_options(out, "OPTIONS", page.options, page.common.empty());
  add_options(out, "COMMON OPTIONS", page.common, !page.common.empty());
  add_lines(out, "ENVIRONMENT", page.environment);
  add_lines(out, "EXIT STATUS", page.exit_status);
  if (!page.examples.empty()) {
    out += "\nEXAMPLES\n";
    for (const auto& [explanation, command] : page.examples) {
      out += fmt::format("    {}:\n        {}\n", explanation, command);
    }
  }
  return out;
}

}  // namespace solo::ops
