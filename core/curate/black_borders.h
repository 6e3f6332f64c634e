// Finds bars that are black in every picture.
#ifndef VIDMUSE_CURATE_BLACK_BORDERS_H_
#define VIDMUSE_CURATE_BLACK_BORDERS_H_

#include <cstdint>
#include <optional>

#include "core/video/picture_order.h"

namespace vidmuse::curate {

// A row or a column is black if no pixel of it is over 24 of 255, which leaves room for what
// codecs do beside an edge. Pictures that are black as a whole say nothing and are passed over.
class BlackBorders {
 public:
  static constexpr uint8_t kMostBlack = 24;

  // `picture` is grey. All pictures have one shape.
  void Add(const Picture& picture);

  // Shares of the picture's width or height, in [0, 1]; 0 without a picture that isn't black.
  double left() const { return borders_.has_value() ? borders_->left : 0; }
  double right() const { return borders_.has_value() ? borders_->right : 0; }
  double top() const { return borders_.has_value() ? borders_->top : 0; }
  double bottom() const { return borders_.has_value() ? borders_->bottom : 0; }

 private:
  struct Borders {
    double left, right, top, bottom;
  };
  std::optional<Borders> borders_;  // the smallest of all pictures
};

// Whether no pixel of the grey picture is over kMostBlack.
bool IsBlack(const Picture& picture);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_BLACK_BORDERS_H_
