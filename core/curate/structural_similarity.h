// How much alike two pictures are.
#ifndef VIDMUSE_CURATE_STRUCTURAL_SIMILARITY_H_
#define VIDMUSE_CURATE_STRUCTURAL_SIMILARITY_H_

#include "core/video/picture_order.h"

namespace vidmuse::curate {

// Mean structural similarity of two grey pictures of one size, at least 11 x 11 (Wang, Bovik,
// Sheikh, Simoncelli, "Image Quality Assessment", 2004): 1 if they are equal. A Gaussian window of
// 11 x 11 with a standard deviation of 1.5, K1 = 0.01, K2 = 0.03, L = 255, and population
// covariances; the mean is over the places where the whole window fits.
double StructuralSimilarity(const Picture& a, const Picture& b);

// The mean of the pixels' absolute differences, from 0 to 255. 0 if the pictures' sizes differ.
double MeanDifference(const Picture& a, const Picture& b);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_STRUCTURAL_SIMILARITY_H_
