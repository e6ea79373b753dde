// A nullable owning pointer that copies what it holds, so that the generated native types
// (solo::v1::EventT and the rest) are plain values: copied deeply, moved cheaply, compared by content.
//
// The generated code asks of it what it would ask of std::unique_ptr. An empty Box stands for an absent
// table. Not thread-safe, like any value.
#pragma once

#include <memory>
#include <utility>

namespace solo::schemas {

template <class T>
class Box {
 public:
  Box() = default;
  Box(std::nullptr_t) {}
  explicit Box(T* owned) : held_(owned) {}
  Box(std::unique_ptr<T> owned) : held_(std::move(owned)) {}
  Box(const T& value) : held_(std::make_unique<T>(value)) {}
  Box(T&& value) : held_(std::make_unique<T>(std::move(value))) {}
  Box(const Box& other) : held_(other.held_ ? std::make_unique<T>(*other.held_) : nullptr) {}
  Box(Box&& other) noexcept = default;
  Box& operator=(const Box& other) {
    if (this != &other) held_ = other.held_ ? std::make_unique<T>(*other.held_) : nullptr;
    return *this;
  }
  Box& operator=(Box&& other) noexcept = default;
  ~Box() = default;

  T* get() const { return held_.get(); }
  T& operator*() const { return *held_; }
  T* operator->() const { return held_.get(); }
  explicit operator bool() const { return static_cast<bool>(held_); }
  void reset(T* owned = nullptr) { held_.reset(owned); }
  T* release() { return held_.release(); }

  /// The held value; a default one is made if there is none.
  T& ensure() {
    if (!held_) held_ = std::make_unique<T>();
    return *held_;
  }

 private:
  // Pointer equality, which the generated operator== tries before it compares contents.
  friend bool operator==(const Box& left, const Box& right) { return left.get() == right.get(); }

  std::unique_ptr<T> held_;
};

}  // namespace solo::schemas
