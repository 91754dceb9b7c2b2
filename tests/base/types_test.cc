#include "thaw/types.h"

#include <gtest/gtest.h>

#include <complex>
#include <set>

#include "thaw/error.h"

namespace thaw {
namespace {

TEST(DTypes, NamesAndSizes) {
  const std::vector<std::tuple<DType, const char*, std::size_t>> rows = {
      {DType::float16, "float16", 2},
      {DType::bfloat16, "bfloat16", 2},
      {DType::float32, "float32", 4},
      {DType::float64, "float64", 8},
      {DType::int8, "int8", 1},
      {DType::int16, "int16", 2},
      {DType::int32, "int32", 4},
      {DType::int64, "int64", 8},
      {DType::uint8, "uint8", 1},
      {DType::uint16, "uint16", 2},
      {DType::uint32, "uint32", 4},
      {DType::uint64, "uint64", 8},
      {DType::boolean, "bool", 1},
      {DType::string, "string", sizeof(std::string)},
      {DType::complex64, "complex64", 8},
      {DType::complex128, "complex128", 16},
      {DType::tensor_list, "tensor_list", 0},
      {DType::table, "table", 0},
      {DType::invalid, "invalid", 0}};
  EXPECT_EQ(rows.size(), static_cast<std::size_t>(DType::table) + 1);
  for (const auto& [dtype, name, size] : rows) {
    EXPECT_STREQ(name_of(dtype), name);
    EXPECT_EQ(dtype_from_name(name), dtype);
    EXPECT_EQ(size_of(dtype), size) << name;
  }
  EXPECT_EQ(dtype_from_name("float31"), DType::invalid);
  EXPECT_EQ(dtype_from_name(""), DType::invalid);
}

TEST(DTypes, Families) {
  std::set<DType> floating, integer, complex;
  for (int i = 0; i <= static_cast<int>(DType::table); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (is_floating(dtype)) floating.insert(dtype);
    if (is_integer(dtype)) integer.insert(dtype);
    if (is_complex(dtype)) complex.insert(dtype);
  }
  EXPECT_EQ(floating, (std::set{DType::float16, DType::bfloat16, DType::float32, DType::float64}));
  EXPECT_EQ(integer, (std::set{DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8,
                               DType::uint16, DType::uint32, DType::uint64}));
  EXPECT_EQ(complex, (std::set{DType::complex64, DType::complex128}));
}

TEST(Shapes, Basics) {
  const Shape scalar;
  EXPECT_TRUE(scalar.has_rank() && scalar.is_static());
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_EQ(scalar.num_elements(), 1);
  EXPECT_EQ(scalar.to_string(), "[]");
  const Shape shape{2, kUnknownDim, 10};
  EXPECT_FALSE(shape.is_static());
  EXPECT_EQ(shape.to_string(), "[2, ?, 10]");
  EXPECT_THROW(shape.num_elements(), Error);
  const Shape unknown = Shape::unknown_rank();
  EXPECT_FALSE(unknown.has_rank());
  EXPECT_FALSE(unknown.is_static());
  EXPECT_EQ(unknown.to_string(), "[...]");
  EXPECT_THROW(unknown.num_elements(), Error);
  EXPECT_NE(unknown, scalar);
  EXPECT_NE(shape, (Shape{2, 1, 10}));
  EXPECT_EQ(to_string(TensorType{DType::float32, shape}), "float32[2, ?, 10]");
}

TEST(Shapes, NumElementsDoesNotOverflow) {
  EXPECT_EQ((Shape{3, 4, 5}).num_elements(), 60);
  EXPECT_EQ((Shape{INT64_MAX}).num_elements(), INT64_MAX);
  EXPECT_EQ((Shape{3, 0, 5}).num_elements(), 0);
  EXPECT_THROW((Shape{INT64_MAX, 2}).num_elements(), Error);
  EXPECT_THROW((Shape{4000000000, 4000000000}).num_elements(), Error);
}

TEST(Errors, CodesHaveNamesAndListsAreComplete) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    names.insert(name_of(static_cast<ErrorCode>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::internal) + 1);
  const UnsupportedError error(
      "m.keras", {{"Lambda", "custom", "unknown layer"}, {"Foo", "a/b", "attribute mode=x"}});
  EXPECT_EQ(error.code(), ErrorCode::unimplemented);
  ASSERT_EQ(error.items().size(), 2u);
  const std::string message = error.what();
  for (const char* part :
       {"m.keras", "Lambda", "custom", "unknown layer", "Foo", "a/b", "mode=x"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

}  // namespace
}  // namespace thaw
