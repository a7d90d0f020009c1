using OptimSharp.Conformance;

namespace OptimSharp.Tests.Conformance;

/// <summary>Golden cases are read strictly: whatever is wrong with one fails it by name.</summary>
public class FormatTests
{
    // One step of SGD by hand: 1 − 0.5·2 = 0, and −2 − 0.5·4 = −4; the momentum buffer is the first gradient.
    const string Good = """
        { "kind": "optimizer", "name": "sgd/by_hand", "optimizer": "SGD", "dtype": "float64", "anything": [1],
          "options": { "lr": 0.5, "momentum": 0.9 },
          "groups": [ { "params": [ { "shape": [2], "values": [1, -2] } ] } ],
          "steps": [ { "grads": [ [2, 4] ], "params": [ [0, -4] ], "state": [ { "momentum_buffer": [2, 4] } ] } ] }
        """;

    const string GoodSchedule = """
        { "kind": "scheduler", "name": "step/by_hand", "optimizer": "SGD", "options": { "lr": 0.5 }, "groups": [ {}, { "lr": 8 } ],
          "scheduler": { "type": "StepLR", "step_size": 2, "gamma": 0.5 }, "set": { "3": [ { "group": 0, "lr": 100 } ] },
          "lr": [ [0.5, 8], [0.5, 8], [0.25, 4], [100, 4], [50, 2] ] }
        """;

    [Fact]
    public void A_right_case_passes()
    {
        Run(Good);
        Run(Replace(Good, "\"momentum_buffer\": [2, 4]", "\"momentum_buffer\": [2, 4], \"other\": null"));
        Run(GoodSchedule);
    }

    [Fact]
    public void A_case_of_all_there_is_passes()
    {
        // Two steps by hand, with an override, a change of rate, a null and a sparse gradient: p = 1 − 0.25·4 = 0, then no step;
        // rows 1 and 0 of the other: 5 − 0.1·(1 + 2), 6 − 0.1·3; then with the rate 0.2: 4.7 − 0.2·5.
        Run("""
            { "kind": "optimizer", "name": "sgd/all", "optimizer": "SGD", "dtype": "float64", "options": { "lr": 0.1 },
              "groups": [ { "params": [ { "shape": [], "values": [1] } ], "options": { "lr": 0.25 } },
                          { "params": [ { "shape": [2, 1], "values": [5, 6] } ] } ],
              "steps": [
                { "grads": [ [4], { "indices": [0, 1, 0], "rows": [[1], [3], [2]] } ], "params": [ [0], [4.7, 5.7] ], "state": [ {}, {} ] },
                { "set": [ { "group": 1, "lr": 0.2 } ], "grads": [ null, [5, 0] ], "params": [ [0], [3.7, 5.7] ], "state": [ {}, {} ] } ] }
            """);
    }

    [Theory]
    [InlineData("\"set\": { \"3\": [ { \"group\": 0, \"lr\": 100 } ] },", "\"set\": null, \"metrics\": [], \"epochs\": null, \"momentum\": [], \"betas\": null,", "[100, 4], [50, 2]", "[0.25, 4], [0.125, 2]")]
    [InlineData("\"StepLR\", \"step_size\": 2, \"gamma\": 0.5", "\"StepLR\", \"step_size\": 2.0, \"gamma\": 0.5", "50", "50.0")]
    [InlineData("\"StepLR\", \"step_size\": 2, \"gamma\": 0.5", "\"LinearLR\", \"start_factor\": 1, \"end_factor\": 0, \"total_iters\": 1", "[0.5, 8], [0.25, 4], [100, 4], [50, 2]", "[-1e-19, 0], [0, 0], [100, 0], [100, 0]")] // see docs/schedulers: no rate is negative
    [InlineData("\"SGD\", \"options\": { \"lr\": 0.5 }, \"groups\": [ {}, { \"lr\": 8 } ]", "\"LBFGS\", \"groups\": [ {} ]", "[0.5, 8], [0.5, 8], [0.25, 4], [100, 4], [50, 2]", "[1], [1], [0.5], [100], [50]")]
    [InlineData("\"SGD\", \"options\": { \"lr\": 0.5 }", "\"Muon\", \"options\": { \"lr\": 0.5 }", "50", "50")]
    [InlineData("\"StepLR\", \"step_size\": 2, \"gamma\": 0.5", "\"CyclicLR\", \"base_lr\": [0.5, 8], \"max_lr\": [1, 9], \"step_size_up\": 1, \"step_size_down\": null, \"scale_fn\": null, \"cycle_momentum\": false", "[0.5, 8], [0.25, 4], [100, 4], [50, 2]", "[1, 9], [0.5, 8], [100, 9], [0.5, 8]")]
    [InlineData("\"StepLR\", \"step_size\": 2, \"gamma\": 0.5", "\"LambdaLR\", \"lambdas\": [\"1.0\"]", "[0.25, 4], [100, 4], [50, 2]", "[0.5, 8], [100, 8], [0.5, 8]")] // one function for all groups
    [InlineData("\"name\"", "\"seed\": 1, \"name\"", "[100, 4]", "[0.25, 4]")] // the rate before it was set
    public void A_schedule_may_be_written_in_other_ways(string right, string other, string rates, string otherRates) =>
        Run(Replace(Replace(GoodSchedule, right, other), rates, otherRates));

    [Fact]
    public void One_rounding_next_to_zero_is_allowed()
    {
        // 1e-322 is 20 units of the smallest double; 21 are within a rounding of them, 22 are not.
        string tiny = Replace(Replace(Good, "[2, 4] } ] } ]", "[1e-322, 0] } ] } ]"), "\"grads\": [ [2, 4] ], \"params\": [ [0, -4] ]", "\"grads\": [ [1e-322, 0] ], \"params\": [ [1, -2] ]");
        Run(tiny);
        Run(Replace(tiny, "[1e-322, 0] } ] } ]", "[1.04e-322, 0] } ] } ]"));
        Fails(tiny, "sgd/by_hand", "[1e-322, 0] } ] } ]", "[1.09e-322, 0] } ] } ]", "state 'momentum_buffer'");
    }

    [Theory]
    [InlineData("\"momentum\": 0.9", "\"momentun\": 0.9", "SGD has no option 'momentun'")]
    [InlineData("\"momentum\": 0.9", "\"foreach\": true", "SGD has no option 'foreach'")]
    [InlineData("\"momentum\": 0.9", "\"momentum\": -1", "Momentum must be ≥ 0, but is -1")]
    [InlineData("\"SGD\"", "\"SGDW\"", "there is no optimizer 'SGDW'")]
    [InlineData("\"SGD\"", "\"Optimizer\"", "there is no optimizer 'Optimizer'")]
    [InlineData("\"float64\"", "\"float8\"", "unknown type 'float8'")]
    [InlineData("\"optimizer\", \"name\"", "\"optimiser\", \"name\"", "unknown kind 'optimiser'")]
    [InlineData("\"params\": [ { \"shape\"", "\"parameters\": [ { \"shape\"", "unknown key 'parameters'")]
    [InlineData("\"values\": [1, -2]", "\"values\": [1, -2], \"name\": \"w\"", "unknown key 'name'")]
    [InlineData("\"values\": [1, -2]", "\"values\": [1, -2, 3]", "2 numbers are needed, not 3")]
    [InlineData("\"values\": [1, -2]", "\"values\": [1, \"two\"]", "a number is needed")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ [2, 4], [1] ]", "1 items are needed, not 2")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ [2] ]", "2 numbers are needed, not 1")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ { \"indices\": [2], \"rows\": [[1]] } ]", "the rows do not fit the shape [2]")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ { \"indices\": [0], \"values\": [[1]] } ]", "unknown key 'values'")]
    [InlineData("\"grads\": [ [2, 4] ],", "", "the key 'grads' is missing")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ [2, 4] ], \"loss\": 1", "unknown key 'loss'")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ [2, 4] ], \"set\": [ { \"group\": 1, \"lr\": 1 } ]", "there is no group 1")]
    [InlineData("\"grads\": [ [2, 4] ]", "\"grads\": [ [2, 4] ], \"set\": [ { \"group\": 0, \"rate\": 1 } ]", "SGD has no option 'rate'")]
    [InlineData("\"params\": [ [0, -4] ]", "\"params\": [ [0, -4.0000000001] ]", "parameter 0: element 1 is -4")]
    [InlineData("\"params\": [ [0, -4] ]", "\"params\": [ [0, \"nan\"] ]", "parameter 0: element 1 is -4")]
    [InlineData("\"params\": [ [0, -4] ]", "\"params\": [ [0, \"-inf\"] ]", "parameter 0: element 1 is -4")]
    [InlineData("\"params\": [ [0, -4] ]", "\"params\": [ [0] ]", "1 numbers expected, 2 found")]
    [InlineData("[2, 4] } ] } ]", "[2, 5] } ] } ]", "state 'momentum_buffer': element 1 is 4, but 5 was expected")]
    [InlineData("{ \"momentum_buffer\": [2, 4] }", "{}", "the state has {momentum_buffer}, but {} was expected")]
    [InlineData("{ \"momentum_buffer\": [2, 4] }", "{ \"momentum_buffer\": [2, 4], \"step\": 1 }", "but {momentum_buffer, step} was expected")]
    public void A_wrong_case_fails_by_name(string right, string wrong, string message) => Fails(Good, "sgd/by_hand", right, wrong, message);

    [Theory]
    [InlineData("\"lr\": 0.5,", "\"lr\": 0.5, \"lr\": 0.5,", "Duplicate property 'lr'")]
    [InlineData("\"kind\"", "kind", "invalid start of a property name")]
    [InlineData("\"name\": \"sgd/by_hand\",", "", "the key 'name' is missing")]
    public void A_case_that_does_not_tell_its_name_fails_by_its_files(string right, string wrong, string message) => Fails(Good, "file", right, wrong, message);

    [Theory]
    [InlineData("\"StepLR\"", "\"StepperLR\"", "there is no scheduler 'StepperLR'")]
    [InlineData("\"StepLR\"", "\"LRScheduler\"", "there is no scheduler 'LRScheduler'")]
    [InlineData("\"gamma\"", "\"gammas\"", "StepLR has no argument 'gammas'")]
    [InlineData("\"step_size\": 2, ", "", "the argument 'stepSize' is missing")]
    [InlineData("\"step_size\": 2", "\"step_size\": 2.5", "a whole number is needed")]
    [InlineData("\"gamma\": 0.5", "\"gamma\": -0.5", "gamma")]
    [InlineData("{ \"lr\": 8 }", "{ \"rate\": 8 }", "SGD has no option 'rate'")]
    [InlineData("[50, 2]", "[50, 2.00000001]", "lr[4], group 1: element 0 is 2")]
    [InlineData("[50, 2]", "[50]", "2 items are needed, not 1")]
    [InlineData("\"3\"", "\"9\"", "'set' has no step '9'")]
    [InlineData("\"3\": [ { \"group\": 0", "\"3\": [ { \"group\": 2", "there is no group 2")]
    public void A_wrong_schedule_fails_by_name(string right, string wrong, string message) => Fails(GoodSchedule, "step/by_hand", right, wrong, message);

    [Theory]
    [InlineData("float64", 0.9e-12, 1.1e-12)]
    [InlineData("float32", 0.9e-5, 1.1e-5)]
    [InlineData("float16", 0.9 / 512, 1.1 / 512)]
    [InlineData("bfloat16", 0.9 / 64, 1.1 / 64)]
    public void Tolerances_are_relative_to_the_largest_magnitude(string dtype, double within, double beyond)
    {
        // The parameter becomes (0, −4): the tolerance is a share of 4, for the 0 too. Expected numbers are rounded to the type
        // first; those here are so small that half types round them by much less than the tolerance.
        Run(With(4 * within));
        Assert.Throws<GoldenCaseException>(() => Run(With(4 * beyond)));

        string With(double difference) => Replace(Replace(Good, "float64", dtype), "[0, -4]", FormattableString.Invariant($"[{difference:R}, -4]"));
    }

    [Fact]
    public void A_source_that_can_not_do_something_fails_the_case_by_name()
    {
        var error = Assert.Throws<GoldenCaseException>(() => GoldenCase.Run(Good, "file", new Incapable()));
        Assert.Equal("sgd/by_hand (incapable): not here", error.Message);
    }

    [Fact]
    public void A_folder_that_is_not_there_or_empty_is_an_error()
    {
        string folder = Directory.CreateTempSubdirectory("goldens").FullName;
        try
        {
            Assert.Throws<FileNotFoundException>(() => GoldenFiles.Below(folder, ""));
            File.WriteAllText(Path.Combine(folder, "a.json"), Good);
            Directory.CreateDirectory(Path.Combine(folder, "more"));
            File.WriteAllText(Path.Combine(folder, "more", "b.json"), Good);
            Assert.Equal(["given: a", "given: more/b"], GoldenFiles.Below(folder, "given: ").Select(f => f.Name));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        Assert.Throws<DirectoryNotFoundException>(() => GoldenFiles.Below(folder, ""));
    }

    static void Run(string json) => GoldenCase.Run(json, "file", new HostParameterSource());

    static void Fails(string good, string name, string right, string wrong, string message)
    {
        var error = Assert.Throws<GoldenCaseException>(() => Run(Replace(good, right, wrong)));
        Assert.StartsWith(name, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    static string Replace(string json, string right, string wrong)
    {
        Assert.Contains(right, json, StringComparison.Ordinal);
        int at = json.IndexOf(right, StringComparison.Ordinal);
        return json[..at] + wrong + json[(at + right.Length)..];
    }

    sealed class Incapable : IParameterSource
    {
        public string Name => "incapable";

        public GoldenParameter Create(string name, long[] shape, ElementType type, double[] values) => throw new NotSupportedException("not here");
    }
}
