/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/confidence.h"

#include <math.h>
#include <stddef.h>

/* Of the alternatives that are bet on: most on a difference that only the shadow has, the rest on weaker ones. Each is a likelihood ratio against a fair
 * coin, a supermartingale whenever the coin falls on signal at most half of the time; so is their mixture (Ville 1939; Robbins 1970). */
static const struct {
    double rate, weight;
} bets[] = {{0.999, 0.8}, {0.95, 0.06},  {0.85, 0.04},  {0.75, 0.03},
            {0.65, 0.03}, {0.575, 0.02}, {0.535, 0.01}, {0.515, 0.01}};
#define BETS (sizeof(bets) / sizeof(bets[0]))

/* log(exp(a) + exp(b)) */
static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

double sign_evidence(uint64_t signal, uint64_t noise)
{
    double evidence = -INFINITY;
    for (size_t i = 0; i < BETS; i++)
        evidence = log_add(evidence, log(bets[i].weight) + (double)signal * log(2 * bets[i].rate) +
                                         (double)noise * log(2 * (1 - bets[i].rate)));
    return evidence;
}

double sign_tail(uint64_t signal, uint64_t noise)
{
    double n = (double)signal + (double)noise;
    if (n == 0)
        return 1;
    if (n > 400)
        return 0.5 * erfc(((double)signal - 0.5 - n / 2) / sqrt(n / 4) / sqrt(2));
    double sum = 0;
    int sign;
    for (double k = (double)signal; k <= n; k++)
        sum += exp(lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) - n * log(2));
    return sum > 1 ? 1 : sum;
}

static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

double rate_low(uint64_t count, uint64_t total, double alpha)
{
    if (total == 0 || count == 0)
        return 0;
    double k = (double)(count < total ? count : total), n = (double)total;
    /* The likelihood averaged over two priors, one for any rate and one for small ones (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon
     * 2021, "beta-binomial mixture"). */
    double mixed = log_add(log_beta(0.5 + k, 0.5 + n - k) - log_beta(0.5, 0.5),
                           log_beta(0.5 + k, 50 + n - k) - log_beta(0.5, 50)) -
                   log(2);
    double wanted = mixed + log(alpha);
    double low = 0, high = k / n;
    for (int i = 0; i < 40; i++) {
        double rate = (low + high) / 2;
        double likelihood = k * log(rate) + (k < n ? (n - k) * log1p(-rate) : 0);
        if (likelihood < wanted)
            low = rate;
        else
            high = rate;
    }
    return low;
}
