"""The learning-rate schedules: a table for each scheduler, a line for each case."""
import math
import random

STEPS = 64
ONE, TWO, THREE = [{}], [{}, {"lr": 0.5}], [{"lr": 0.05}, {}, {"lr": 0.3}]


def schedule(scheduler, groups=TWO, optimizer="SGD", options=None, **more):
    """`more`: set, metrics, epochs as in the format."""
    return {"optimizer": optimizer, "options": options or {"lr": 0.1}, "groups": groups, "scheduler": scheduler, **more}


def step(size, gamma=0.1):
    return {"type": "StepLR", "step_size": size, "gamma": gamma}


def multi_step(milestones, gamma=0.1):
    return {"type": "MultiStepLR", "milestones": milestones, "gamma": gamma}


def exponential(gamma):
    return {"type": "ExponentialLR", "gamma": gamma}


def constant(factor, total):
    return {"type": "ConstantLR", "factor": factor, "total_iters": total}


def linear(start, total, end=1.0):
    return {"type": "LinearLR", "start_factor": start, "end_factor": end, "total_iters": total}


def polynomial(total, power=1.0):
    return {"type": "PolynomialLR", "total_iters": total, "power": power}


def cosine(period, eta_min=0.0):
    return {"type": "CosineAnnealingLR", "T_max": period, "eta_min": eta_min}


def hand_set(at):
    return {str(k): [{"group": group, "lr": lr}] for k, (group, lr) in at.items()}


def chained(*schedulers, **more):
    return schedule({"type": "ChainedScheduler", "schedulers": list(schedulers)}, **more)


def sequential(milestones, *schedulers, **more):
    return schedule({"type": "SequentialLR", "milestones": milestones, "schedulers": list(schedulers)}, **more)


def together(*schedulers, **more):
    return schedule({"type": "Together", "schedulers": list(schedulers)}, **more)


def plateau_of(**options):
    return {"type": "ReduceLROnPlateau", **options}


def plateau(metrics, groups=TWO, optimizer="SGD", set=None, **options):
    return schedule(plateau_of(**options), groups, optimizer, metrics=metrics, **({"set": set} if set else {}))


def cyclic(base_lr, max_lr, **options):
    return {"type": "CyclicLR", "base_lr": base_lr, "max_lr": max_lr, **options}


def one_cycle(max_lr, **options):
    return {"type": "OneCycleLR", "max_lr": max_lr, **options}


def restarts(first, factor=1, eta_min=0.0):
    return {"type": "CosineAnnealingWarmRestarts", "T_0": first, "T_mult": factor, "eta_min": eta_min}


JUMPS = [5, 12, 25, 32, 80, 3, 0, 17.5, 99.25, 6.125, 31, 64.5, 13, 2.5, 45, 7] * 4
STEP_LR = {
    "default_gamma": schedule({"type": "StepLR", "step_size": 3}),
    "every_10": schedule(step(10)),
    "every_step": schedule(step(1, 0.95), THREE),
    "growing": schedule(step(7, 1.5)),
    "one_group": schedule(step(25, 0.3), ONE),
    "adam": schedule(step(9, 0.5), optimizer="Adam"),
    "set": schedule(step(8, 0.5), set=hand_set({3: (0, 0.07), 8: (1, 0.9), 40: (0, 1.0)})),
}
COSINE_ANNEALING_LR = {
    "T_max_4": schedule(cosine(4, 0.01)),
    "T_max_5_to_zero": schedule({"type": "CosineAnnealingLR", "T_max": 5}),
    "T_max_10_tiny": schedule(cosine(10, 1e-10)),
    "T_max_64": schedule(cosine(64, 0.001), THREE),
    "T_max_100": schedule(cosine(100)),
    "T_max_1": schedule(cosine(1, 0.02)),
    "eta_min_near_lr": schedule(cosine(7, 0.0999), ONE),
    "eta_min_above_lr": schedule(cosine(9, 0.2), ONE),
    "adamw": schedule(cosine(20, 0.01), optimizer="AdamW"),
    "set": schedule(cosine(16, 0.01), set=hand_set({5: (0, 0.3), 20: (1, 0.05)})),
}
LAMBDA_LR = {
    "power": schedule({"type": "LambdaLR", "lambdas": ["0.95**e"]}, ONE),
    "per_group": schedule({"type": "LambdaLR", "lambdas": ["0.95**e", "1/(1+e)"]}),
    "constant_and_cut": schedule({"type": "LambdaLR", "lambdas": ["1.0", "e<3", "0.95**e"]}, THREE),
    "set_is_overwritten": schedule({"type": "LambdaLR", "lambdas": ["0.95**e", "1.0"]}, set=hand_set({4: (0, 0.9), 9: (1, 0.01)})),
    "rmsprop": schedule({"type": "LambdaLR", "lambdas": ["1/(1+e)", "1/(1+e)"]}, optimizer="RMSprop"),
}
MULTIPLICATIVE_LR = {
    "power": schedule({"type": "MultiplicativeLR", "lambdas": ["0.95**e"]}, ONE),
    "per_group": schedule({"type": "MultiplicativeLR", "lambdas": ["1.0", "0.95**e"]}),
    "to_zero": schedule({"type": "MultiplicativeLR", "lambdas": ["e<3", "1.0", "1/(1+e)"]}, THREE),
    "set": schedule({"type": "MultiplicativeLR", "lambdas": ["0.95**e", "0.95**e"]}, set=hand_set({10: (0, 1.0), 30: (1, 0.2)})),
}
MULTI_STEP_LR = {
    "three": schedule(multi_step([2, 5, 9])),
    "default_gamma": schedule({"type": "MultiStepLR", "milestones": [30, 50]}, ONE),
    "repeated": schedule(multi_step([2, 5, 5, 9], 0.5)),
    "any_order": schedule(multi_step([40, 3, 17], 0.3), THREE),
    "none": schedule(multi_step([])),
    "never": schedule(multi_step([1000])),
    "from_the_first": schedule(multi_step([1, 2, 3], 0.5), optimizer="Adam"),
    "set": schedule(multi_step([10, 20, 30], 0.2), set=hand_set({10: (0, 0.4), 15: (1, 0.6)})),
}
CONSTANT_LR = {
    "default": schedule({"type": "ConstantLR"}),
    "half": schedule(constant(0.5, 10), THREE),
    "one": schedule(constant(1.0, 4)),
    "long": schedule(constant(0.1, 1000), ONE),
    "set": schedule(constant(0.25, 20), set=hand_set({5: (0, 0.3), 25: (1, 0.1)})),
}
LINEAR_LR = {
    "default": schedule({"type": "LinearLR"}),
    "warm_up": schedule(linear(0.01, 20), THREE),
    "part": schedule(linear(0.25, 4, 0.6)),
    "down": schedule(linear(1.0, 50, 0.1)),
    "to_zero": schedule(linear(1.0, 30, 0.0), ONE),
    "long": schedule(linear(0.1, 200), optimizer="AdamW"),
    "set": schedule(linear(0.2, 16), set=hand_set({4: (0, 0.3), 16: (1, 0.1), 40: (0, 0.02)})),
}
EXPONENTIAL_LR = {
    "decay": schedule(exponential(0.9)),
    "slow": schedule(exponential(0.999), THREE),
    "growing": schedule(exponential(1.05), ONE),
    "fast": schedule(exponential(0.5), optimizer="Adam"),
    "constant": schedule(exponential(1.0)),
    "set": schedule(exponential(0.9), set=hand_set({7: (0, 0.9), 8: (1, 0.001), 50: (1, 1.0)})),
}
POLYNOMIAL_LR = {
    "default": schedule({"type": "PolynomialLR"}),
    "square": schedule(polynomial(4, 2.0)),
    "root": schedule(polynomial(20, 0.5), THREE),
    "long": schedule(polynomial(100, 0.9), ONE),
    "cubic": schedule(polynomial(50, 3.0), optimizer="Adam"),
    "constant": schedule(polynomial(10, 0.0)),
    "set": schedule(polynomial(40), set=hand_set({5: (0, 0.9), 20: (1, 0.001), 50: (1, 0.2)})),
}
CHAINED_SCHEDULER = {
    "one": chained(step(3)),
    "constant_exponential": chained(constant(0.5, 3), exponential(0.9)),
    "linear_multi_step": chained(linear(0.4, 3), multi_step([4, 8, 10])),
    "exponential_constant_step": chained(exponential(0.9), constant(0.2, 4), step(3)),
    "polynomial_constant": chained(polynomial(40), constant(0.5, 7), groups=THREE),
    "linear_cosine": chained(linear(0.1, 10), cosine(40, 0.001)),
    "linear_linear": chained(linear(0.1, 8), linear(1.0, 60, 0.2)),
    "multiplicative_step": chained({"type": "MultiplicativeLR", "lambdas": ["0.95**e", "1.0"]}, step(10, 0.5)),
    "four_adam": chained(constant(0.5, 5), linear(0.5, 9), exponential(0.97), multi_step([20, 40], 0.3), optimizer="Adam"),
    "lambda_first": chained({"type": "LambdaLR", "lambdas": ["0.95**e", "1/(1+e)"]}, multi_step([2, 4])),
    "lambda_last": chained(step(4), {"type": "LambdaLR", "lambdas": ["0.95**e", "1/(1+e)"]}),
    "of_chained": chained({"type": "ChainedScheduler", "schedulers": [constant(0.5, 4), exponential(0.95)]}, step(9, 0.5)),
    "of_sequential": chained({"type": "SequentialLR", "milestones": [5], "schedulers": [linear(0.1, 5), cosine(70, 0.001)]}, exponential(0.98)),
    "swa": chained(exponential(0.95), {"type": "SWALR", "swa_lr": 0.01, "anneal_epochs": 8}),
    "set": chained(linear(0.1, 10), step(20), set=hand_set({3: (0, 0.07), 30: (1, 0.4)})),
}
SEQUENTIAL_LR = {
    "linear_cosine_exp": sequential([4, 8], linear(0.1, 4), cosine(4, 0.01), exponential(0.5)),
    "exponential_step": sequential([3], exponential(0.8), step(4)),
    "constant_exponential": sequential([3], constant(0.1, 3), exponential(0.9)),
    "constant_multi_step_exponential": sequential([3, 12], constant(0.1, 3), multi_step([1, 4, 5], 0.5), exponential(0.9), groups=THREE),
    "constants": sequential([20], constant(1.0, 20), constant(0.1, 30)),
    "warm_up_cosine": sequential([10], linear(0.01, 10), cosine(54), optimizer="AdamW"),
    "warm_up_polynomial": sequential([10], linear(0.1, 10), polynomial(54, 0.9)),
    "up_and_down": sequential([20, 40], linear(0.1, 20), constant(1.0, 1), linear(1.0, 24, 0.05)),
    "cosine_restarts": sequential([10, 30], cosine(10, 0.001), cosine(20, 0.001), cosine(34, 0.001)),
    "exponential_multiplicative": sequential([2], exponential(0.5), {"type": "MultiplicativeLR", "lambdas": ["0.95**e", "0.95**e"]}),
    "multiplicative_step": sequential([6], {"type": "MultiplicativeLR", "lambdas": ["0.95**e", "1/(1+e)"]}, step(5)),
    "exponential_warm_restarts": sequential([2], exponential(0.5), {"type": "CosineAnnealingWarmRestarts", "T_0": 3}),
    "linear_warm_restarts": sequential([5], linear(0.1, 5), {"type": "CosineAnnealingWarmRestarts", "T_0": 4, "T_mult": 2, "eta_min": 0.01}),
    "exponential_lambda": sequential([2], exponential(0.5), {"type": "LambdaLR", "lambdas": ["1/(1+e)", "0.95**e"]}),
    "lambda_exponential": sequential([9], {"type": "LambdaLR", "lambdas": ["0.95**e", "e<3"]}, exponential(0.9)),
    "linear_cyclic": sequential([6], linear(0.1, 6), {"type": "CyclicLR", "base_lr": 0.05, "max_lr": 0.4, "step_size_up": 5, "cycle_momentum": False}),
    "linear_cyclic_momentum": sequential([6], linear(0.1, 6), {"type": "CyclicLR", "base_lr": 0.05, "max_lr": 0.4, "step_size_up": 5}),
    "exponential_swa": sequential([12], exponential(0.95), {"type": "SWALR", "swa_lr": 0.02, "anneal_epochs": 6}),
    "cosine_swa_linear": sequential([30], cosine(40, 0.01), {"type": "SWALR", "swa_lr": [0.02, 0.03], "anneal_epochs": 9, "anneal_strategy": "linear"}),
    "milestone_0": sequential([0], step(1, 0.1), exponential(0.5)),
    "milestone_1": sequential([1], constant(0.1, 5), exponential(0.9)),
    "one": sequential([], exponential(0.9)),
    "five": sequential([5, 10, 30, 40], linear(0.2, 5), constant(0.5, 3), cosine(20, 0.01), step(2, 0.5), polynomial(20), groups=THREE),
    "unfinished": sequential([4], linear(0.1, 20), exponential(0.9)),
    "set": sequential([5, 25], linear(0.1, 5), exponential(0.95), step(10, 0.5), set=hand_set({2: (0, 0.07), 10: (1, 0.9), 25: (0, 1.0), 30: (1, 0.3)})),
}
NOISE = random.Random(3)
FALLING = [round(2.0 * 0.93**k + NOISE.uniform(0, 0.15), 4) for k in range(STEPS)]
RISING = [round(1.0 - 0.9**k + NOISE.uniform(0, 0.1), 4) for k in range(STEPS)]
FLAT = [round(1 + NOISE.uniform(-0.2, 0.2), 4) for _ in range(STEPS)]
REDUCE_LR_ON_PLATEAU = {
    "default": plateau(FLAT),
    "falling": plateau(FALLING, patience=3, factor=0.5),
    "rising_max": plateau(RISING, mode="max", patience=3, factor=0.5),
    "rising_min": plateau(RISING, patience=5),
    "abs": plateau(FALLING, threshold_mode="abs", threshold=0.05, patience=2, factor=0.3, groups=THREE),
    "max_abs_cooldown": plateau(RISING, mode="max", threshold_mode="abs", threshold=0.03, patience=3, cooldown=5, factor=0.5),
    "max_rel": plateau(RISING, mode="max", threshold=0.1, patience=4, factor=0.2),
    "slope_never": plateau([10 - k * 0.0167 for k in range(STEPS)], threshold_mode="abs", threshold=0.01, patience=5),
    "slope_late": plateau([10 - k * 0.0165 for k in range(STEPS)], threshold_mode="abs", threshold=0.1, patience=5),
    "one_dip": plateau([1.0] * 7 + [0.6] + [0.5] * 56, threshold=0.1, patience=5, cooldown=5),
    "cooldown": plateau(FLAT, patience=1, cooldown=4, factor=0.7),
    "patience_0": plateau(FLAT, patience=0, factor=0.9),
    "min_lr": plateau(FLAT, patience=2, factor=0.5, min_lr=0.004),
    "min_lrs": plateau(FLAT, patience=2, factor=0.3, min_lr=[0.04, 0.3]),
    "eps": plateau(FLAT, patience=2, factor=0.5, eps=0.01),
    "threshold_0": plateau(FALLING, threshold=0.0, patience=1, factor=0.8),
    "negative_metrics_abs": plateau([round(v - 5, 4) for v in FALLING], threshold_mode="abs", threshold=0.02, patience=2, factor=0.5),
    "not_finite": plateau([math.nan if k % 3 == 1 else math.inf if k < 5 else v for k, v in enumerate(FALLING)], patience=2, factor=0.5),
    "adam": plateau(FALLING, optimizer="Adam", patience=4, factor=0.1),
    "set": plateau(FLAT, patience=4, factor=0.5, set=hand_set({6: (0, 0.8), 20: (1, 0.9)})),
}
CYCLIC_LR = {
    "triangular": schedule(cyclic(1.0, 5.0, step_size_up=4)),
    "no_momentum": schedule(cyclic(1.0, 5.0, step_size_up=4, cycle_momentum=False)),
    "triangular2": schedule(cyclic(1.0, 5.0, step_size_up=2, step_size_down=3, mode="triangular2"), ONE),
    "exp_range": schedule(cyclic(1.0, 5.0, step_size_up=2, mode="exp_range", gamma=0.9), ONE),
    "per_group": schedule(cyclic([0.01, 0.2], [0.1, 1.5], step_size_up=5, base_momentum=[0.7, 0.85], max_momentum=[0.9, 0.95])),
    "per_group_triangular2": schedule(cyclic([0.01, 0.2, 0.3], [0.1, 1.5, 0.4], step_size_up=5, step_size_down=9, mode="triangular2"), THREE),
    "per_group_exp_range": schedule(cyclic([0.01, 0.2], [0.1, 1.5], step_size_up=6, step_size_down=4, mode="exp_range", gamma=0.98)),
    "up_4_down_6": schedule(cyclic(1.0, 5.0, step_size_up=4, step_size_down=6)),
    "long": schedule(cyclic(0.01, 0.1), ONE),
    "up_40": schedule(cyclic(0.01, 0.1, step_size_up=40)),
    "up_1": schedule(cyclic(0.01, 0.1, step_size_up=1)),
    "momentum_options": schedule(cyclic(0.01, 0.1, step_size_up=7, base_momentum=0.5, max_momentum=0.99), options={"lr": 0.1, "momentum": 0.3}),
    "adam": schedule(cyclic(0.001, 0.01, step_size_up=6), optimizer="Adam"),
    "adamw_per_group": schedule(cyclic([0.001, 0.01], [0.01, 0.1], step_size_up=6, base_momentum=[0.7, 0.8], max_momentum=[0.9, 0.95]), optimizer="AdamW"),
    "adam_no_momentum": schedule(cyclic(0.001, 0.01, step_size_up=6, cycle_momentum=False), optimizer="Adam"),
    "rmsprop": schedule(cyclic(0.001, 0.01, step_size_up=6), optimizer="RMSprop"),
    "adagrad_no_momentum": schedule(cyclic(0.001, 0.01, step_size_up=6, cycle_momentum=False), optimizer="Adagrad"),
}
ONE_CYCLE_LR = {
    "default": schedule(one_cycle(1.0, total_steps=STEPS)),
    "no_momentum": schedule(one_cycle(1.0, total_steps=STEPS, cycle_momentum=False)),
    "epochs": schedule(one_cycle(0.5, epochs=8, steps_per_epoch=8), ONE),
    "longer": schedule(one_cycle(0.5, total_steps=100), THREE),
    "linear": schedule(one_cycle(1.0, total_steps=STEPS, anneal_strategy="linear", final_div_factor=10.0)),
    "three_phase": schedule(one_cycle(1.0, total_steps=STEPS, three_phase=True)),
    "three_phase_linear": schedule(one_cycle(1.0, total_steps=STEPS, three_phase=True, anneal_strategy="linear", pct_start=0.4, div_factor=4.0, final_div_factor=10.0)),
    "pct_start": schedule(one_cycle(1.0, total_steps=STEPS, pct_start=0.75)),
    "div_factors": schedule(one_cycle(1.0, total_steps=STEPS, div_factor=5.0, final_div_factor=100.0), ONE),
    "momenta": schedule(one_cycle(1.0, total_steps=STEPS, base_momentum=0.5, max_momentum=0.9)),
    "per_group": schedule(one_cycle([1.0, 0.2], total_steps=STEPS, base_momentum=[0.5, 0.8], max_momentum=[0.9, 0.99])),
    "adam": schedule(one_cycle(0.01, total_steps=STEPS), optimizer="Adam"),
    "adamw_three_phase": schedule(one_cycle([0.01, 0.1], total_steps=STEPS, three_phase=True), optimizer="AdamW"),
    "nadam_no_momentum": schedule(one_cycle(0.01, total_steps=STEPS, cycle_momentum=False), optimizer="NAdam"),
    "rmsprop": schedule(one_cycle(0.01, total_steps=STEPS), optimizer="RMSprop"),
}
COSINE_ANNEALING_WARM_RESTARTS = {
    "every_10": schedule(restarts(10)),
    "doubling": schedule(restarts(3, 2, 0.01)),
    "tripling": schedule(restarts(2, 3, 0.001), THREE),
    "one_long": schedule(restarts(100, 1), ONE),
    "every_step": schedule(restarts(1, 1, 0.01)),
    "every_step_doubling": schedule(restarts(1, 2, 0.01)),
    "adamw": schedule(restarts(8, 2), optimizer="AdamW"),
    "set_is_overwritten": schedule(restarts(7, 1, 0.01), set=hand_set({4: (0, 0.9), 9: (1, 0.01)})),
    "tenths": schedule(restarts(3, 1, 0.01), epochs=[round(0.1 * (k + 1), 1) for k in range(STEPS)]),
    "tenths_doubling": schedule(restarts(1, 2, 0.01), epochs=[0.1 * k + 0.05 for k in range(STEPS)]),
    "thirds_tripling": schedule(restarts(2, 3, 0.02), epochs=[k / 3 + 0.1 for k in range(STEPS)]),
    "jumping": schedule(restarts(10, 1, 0.01), epochs=JUMPS),
    "jumping_doubling": schedule(restarts(10, 2, 0.01), epochs=JUMPS),
    "jumping_tripling": schedule(restarts(10, 3, 0.01), THREE, epochs=JUMPS),
    "jump_and_go_on": schedule(restarts(4, 2, 0.01), epochs=[*range(1, 9), 2, *[None] * 8, 13.5, *[None] * 8, 0, *[None] * 37]),
}
SWALR = {
    "default": schedule({"type": "SWALR", "swa_lr": 0.05}),
    "cosine": schedule({"type": "SWALR", "swa_lr": 0.05, "anneal_epochs": 4}, THREE),
    "linear": schedule({"type": "SWALR", "swa_lr": 0.05, "anneal_epochs": 4, "anneal_strategy": "linear"}),
    "at_once": schedule({"type": "SWALR", "swa_lr": 0.05, "anneal_epochs": 0}),
    "one_epoch": schedule({"type": "SWALR", "swa_lr": 0.05, "anneal_epochs": 1}),
    "per_group": schedule({"type": "SWALR", "swa_lr": [0.01, 0.2], "anneal_epochs": 20}),
    "per_group_linear": schedule({"type": "SWALR", "swa_lr": [0.01, 0.2], "anneal_epochs": 20, "anneal_strategy": "linear"}, optimizer="Adam"),
    "rising": schedule({"type": "SWALR", "swa_lr": 0.9, "anneal_epochs": 50}),
    "set": schedule({"type": "SWALR", "swa_lr": 0.05, "anneal_epochs": 30}, set=hand_set({10: (0, 0.3), 40: (1, 0.2)})),
}
TOGETHER = {
    "step_multi_step": together(step(3), multi_step([2, 5, 9])),
    "step_exponential": together(step(3), exponential(0.9)),
    "exponential_multi_step": together(exponential(0.9), multi_step([2, 5, 9], 0.3)),
    "exponential_linear": together(exponential(0.9), linear(0.4, 4)),
    "step_constant": together(step(3), constant(0.2, 4)),
    "linear_multi_step": together(linear(0.4, 4), multi_step([2, 5, 9])),
    "cosine_step": together(cosine(10, 1e-3), step(10)),
    "cosine_multi_step": together(cosine(70), multi_step([2, 5, 9])),
    "cosine_linear": together(cosine(70, 1e-10), linear(0.4, 4)),
    "cosine_exponential": together(cosine(70), exponential(0.97)),
    "three": together(constant(0.5, 6), exponential(0.97), step(15, 0.5), groups=THREE),
    "polynomial_linear": together(polynomial(50), linear(0.25, 5), optimizer="Adam"),
    "sequential_step": together({"type": "SequentialLR", "milestones": [5], "schedulers": [linear(0.1, 5), exponential(0.95)]}, step(20, 0.5)),
    "chained_multi_step": together({"type": "ChainedScheduler", "schedulers": [linear(0.1, 5), exponential(0.95)]}, multi_step([30], 0.5)),
    "plateau_step": together(plateau_of(patience=3, factor=0.5), step(10, 0.5), metrics=FLAT),
    "plateau_multi_step": together(plateau_of(patience=5, threshold_mode="abs", threshold=0.1), multi_step([3, 8, 12]), metrics=FALLING),
    "exponential_plateau": together(exponential(0.95), plateau_of(patience=2, factor=0.5), metrics=FLAT),
    "cosine_plateau": together(cosine(70), plateau_of(mode="max", patience=4, cooldown=3, factor=0.5), metrics=RISING),
    "linear_plateau": together(linear(0.1, 20), plateau_of(patience=3, factor=0.5), metrics=FALLING, groups=THREE),
    "step_exponential_plateau": together(step(30, 0.99), exponential(0.99), plateau_of(patience=3), metrics=FLAT),
    "sequential_plateau": together({"type": "SequentialLR", "milestones": [5], "schedulers": [linear(0.1, 5), cosine(80)]}, plateau_of(patience=6, factor=0.5), metrics=FLAT),
    "set": together(step(10, 0.5), exponential(0.97), set=hand_set({12: (0, 0.3), 40: (1, 0.7)})),
}
SCHEDULES = {
    "LambdaLR": LAMBDA_LR, "MultiplicativeLR": MULTIPLICATIVE_LR, "StepLR": STEP_LR, "MultiStepLR": MULTI_STEP_LR, "ConstantLR": CONSTANT_LR,
    "LinearLR": LINEAR_LR, "ExponentialLR": EXPONENTIAL_LR, "PolynomialLR": POLYNOMIAL_LR, "CosineAnnealingLR": COSINE_ANNEALING_LR,
    "ChainedScheduler": CHAINED_SCHEDULER, "SequentialLR": SEQUENTIAL_LR, "ReduceLROnPlateau": REDUCE_LR_ON_PLATEAU, "CyclicLR": CYCLIC_LR,
    "OneCycleLR": ONE_CYCLE_LR, "CosineAnnealingWarmRestarts": COSINE_ANNEALING_WARM_RESTARTS, "SWALR": SWALR, "Together": TOGETHER,
}
