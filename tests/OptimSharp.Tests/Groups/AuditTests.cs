using System.Globalization;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Groups;

/// <summary>What an audit tells of each parameter.</summary>
public class AuditTests
{
    static readonly GroupRules<AdamWOptions> rules = new GroupRules<AdamWOptions>()
        .For("**.bias", o => o with { WeightDecay = 0 })
        .For(p => p.Shape.Length < 2, o => o with { WeightDecay = 0 })
        .LayerDecay(0.75, "encoder.layers.{i}.**", first: "embed.tokens", last: "head.*")
        .Freeze("embed.positions");

    [Fact]
    public void Each_parameter_has_a_row_with_what_is_not_default_and_where_it_comes_from()
    {
        using var optimizer = new AdamW(rules.Of(Model.Encoder(1)), new() { LearningRate = 0.5, Epsilon = 1e-6 });
        var audit = optimizer.Audit();
        Assert.Equal(
        [
            "'embed.tokens' [8, 4]: AdamW, group 0, eps 1E-06 (the optimizer's options), lr 0.28125 (LayerDecay(0.75, encoder.layers.{i}.**))",
            "'encoder.layers.0.norm.weight' [4]: AdamW, group 1, eps 1E-06 (the optimizer's options), lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**)), weight_decay 0 (p => p.Shape.Length < 2)",
            "'encoder.layers.0.linear.bias' [4]: AdamW, group 1, eps 1E-06 (the optimizer's options), lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**)), weight_decay 0 (**.bias)",
            "'encoder.layers.0.linear.weight' [4, 4]: AdamW, group 2, eps 1E-06 (the optimizer's options), lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**))",
            "'head.weight' [3, 4]: AdamW, group 3, eps 1E-06 (the optimizer's options), lr 0.5 (the optimizer's options)",
            "'head.bias' [3]: AdamW, group 4, eps 1E-06 (the optimizer's options), lr 0.5 (the optimizer's options), weight_decay 0 (**.bias)",
            "'embed.positions' [6, 4]: frozen (Freeze(embed.positions))",
        ], audit.Rows.Select(row => row.ToString()));
        Assert.Equal([new(0, "AdamW", 1, 32), new(1, "AdamW", 2, 8), new(2, "AdamW", 1, 16), new(3, "AdamW", 1, 12), new(4, "AdamW", 1, 3), new(null, "", 1, 24)], audit.Totals);
        Assert.Equal(new(null, "", 7, 95), audit.Total);
        Assert.Empty(audit.Warnings);
        Assert.Equal(0.375, audit.Rows[1].Options[1].Value);
    }

    [Fact]
    public void The_table_is_aligned()
    {
        using var optimizer = new AdamW(rules.Of(Model.Encoder(1)), new() { LearningRate = 1.0 / 3 });
        Assert.Equal(
            """
            parameter                       shape   count  algorithm  group       lr            weight_decay
            embed.tokens                    [8, 4]     32  AdamW      0           0.1875 [1]
            encoder.layers.0.norm.weight    [4]         4  AdamW      1           0.25 [1]      0 [2]
            encoder.layers.0.linear.bias    [4]         4  AdamW      1           0.25 [1]      0 [3]
            encoder.layers.0.linear.weight  [4, 4]     16  AdamW      2           0.25 [1]
            head.weight                     [3, 4]     12  AdamW      3           0.333333 [4]
            head.bias                       [3]         3  AdamW      4           0.333333 [4]  0 [3]
            embed.positions                 [6, 4]     24  AdamW      frozen [5]

            [1] LayerDecay(0.75, encoder.layers.{i}.**)
            [2] p => p.Shape.Length < 2
            [3] **.bias
            [4] the optimizer's options
            [5] Freeze(embed.positions)

            group   algorithm  parameters  count
            0       AdamW               1     32
            1       AdamW               2      8
            2       AdamW               1     16
            3       AdamW               1     12
            4       AdamW               1      3
            frozen                      1     24
            all                         7     95
            """, optimizer.Audit().ToString());
    }

    [Fact]
    public void Without_rules_values_come_from_options_and_groups()
    {
        using var optimizer = new SGD([new([Model.Make("a", 2, 2)]), new([Model.Make("b", 2, 2), Parameter.Of("", new float[1_000_000])], o => o with { Nesterov = true, Dampening = 0 })], new() { LearningRate = 0.5, Momentum = 0.9 });
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { Momentum = 0.25 };
        Assert.Equal(
            """
            parameter  shape          count  algorithm  group  lr       momentum  nesterov
            a          [2, 2]             4  SGD        0      0.5 [1]  0.25 [2]
            b          [2, 2]             4  SGD        1      0.5 [1]  0.9 [1]   true [3]
                       [1000000]  1,000,000  SGD        1      0.5 [1]  0.9 [1]   true [3]

            [1] the optimizer's options
            [2] set later
            [3] its parameter group

            group  algorithm  parameters      count
            0      SGD                 1          4
            1      SGD                 2  1,000,004
            all                        3  1,000,008
            """, optimizer.Audit().ToString());
        using var plain = new SGD([Model.Make("a", 2)]);
        Assert.Empty(plain.Audit().Rows[0].Options);
    }

    [Fact]
    public void What_is_changed_later_is_told_from_what_rules_gave()
    {
        var parameters = Model.Encoder(1);
        using var optimizer = new AdamW(rules.Of(parameters), new() { LearningRate = 0.5 });
        _ = new LinearLR(optimizer, startFactor: 0.5, totalIters: 4);
        optimizer.ParameterGroups[4].Options = optimizer.ParameterGroups[4].Options with { WeightDecay = 0.25, StatePrecision = StatePrecision.Parameter };
        var audit = optimizer.Audit();
        Assert.Equal("lr 0.140625 (LayerDecay(0.75, encoder.layers.{i}.**), scheduled)", audit.Rows[0].Options[0].ToString());
        Assert.Equal("'head.bias' [3]: AdamW, group 4, lr 0.25 (the optimizer's options, scheduled), weight_decay 0.25 (set later), StatePrecision Parameter (set later)", audit.Rows[5].ToString());

        // Parameters that take the place of others with their names keep what is known of them; so do groups that a state makes anew.
        optimizer.LoadStateDict(optimizer.StateDict(), new() { RebuildGroups = true });
        var state = optimizer.StateDict();
        state.GetDicts("param_groups")[0]["weight_decay"] = 0.125;
        optimizer.LoadStateDict(state);
        Assert.Empty(Schedulers.Bench.Warnings(() => optimizer.Rebind(Model.Encoder(1)), s => s == optimizer)); // a frozen one is no surprise
        audit = optimizer.Audit();
        Assert.Equal("lr 0.140625 (LayerDecay(0.75, encoder.layers.{i}.**), scheduled)|weight_decay 0.125 (set later)", string.Join('|', audit.Rows[0].Options));
        Assert.Equal("Freeze(embed.positions)", audit.Rows[^1].FrozenBy);
    }

    [Fact]
    public void A_rate_is_scheduled_until_it_is_set_by_hand()
    {
        using var optimizer = new SGD([Model.Make("w", 2, 2)], new() { LearningRate = 1 });
        var scheduler = new OptimSharp.Schedulers.ExponentialLR(optimizer, 0.5);
        optimizer.Step();
        scheduler.Step();
        Assert.Equal("lr 0.5 (the optimizer's options, scheduled)", Assert.Single(optimizer.Audit().Rows[0].Options).ToString());
        optimizer.ParameterGroups[0].LearningRate = 7;
        Assert.Equal("lr 7 (set later)", Assert.Single(optimizer.Audit().Rows[0].Options).ToString());
        scheduler.Step();
        Assert.Equal("lr 3.5 (the optimizer's options, scheduled)", Assert.Single(optimizer.Audit().Rows[0].Options).ToString());
    }

    [Fact]
    public void Names_that_tables_can_not_hold_are_in_one_line_and_columns_have_a_bound()
    {
        using var optimizer = new SGD([Model.Make("a\nb\u001b", 1), Model.Make("重み", 1), Model.Make("w", 1), Model.Make(new string('x', 500), 1)], new() { LearningRate = 1 });
        string[] lines = optimizer.Audit().ToString().Split('\n');
        Assert.StartsWith("a\\nb\\u001B".PadRight(80) + "  [1] ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("重み" + new string(' ', 76) + "  [1] ", lines[2], StringComparison.Ordinal); // each of two columns
        Assert.StartsWith("w".PadRight(80) + "  [1] ", lines[3], StringComparison.Ordinal);
        Assert.StartsWith(new string('x', 500) + "  [1] ", lines[4], StringComparison.Ordinal);
        Assert.StartsWith("'a\\nb", optimizer.Audit().Rows[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_for_what_has_no_key_are_seen_too()
    {
        using var optimizer = new AdamW(new GroupRules<AdamWOptions>().For("head.*", o => o with { StatePrecision = StatePrecision.Parameter }).Of(Model.Encoder(1)));
        Assert.Equal(2, optimizer.ParameterGroups.Count);
        Assert.Equal("StatePrecision Parameter (head.*)", Assert.Single(optimizer.Audit().Rows[^1].Options).ToString());
    }

    [Fact]
    public void Csv_is_exact_and_quotes_what_needs_it()
    {
        using var optimizer = new SGD(new GroupRules<SGDOptions>()
            .For(p => p.Name.Contains('"'), o => o with { LearningRate = 1.0 / 3 }, "names with \",\"\nin them").Freeze("z").Of([Parameter.Of("a\"b", new float[6], 2, 3), Parameter.Of("c", new float[1]), Parameter.Of("z", new float[2])]));
        string expected = "name,shape,count,algorithm,group,frozen by,lr,lr by\r\n\"a\"\"b\",\"[2, 3]\",6,SGD,0,,0.3333333333333333,\"names with \"\",\"\" in them\"\r\nc,[],1,SGD,1,,,\r\nz,[2],2,SGD,frozen,Freeze(z),,\r\n";
        var culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = ",", NumberGroupSeparator = "." } };
            Assert.Equal(expected, optimizer.Audit().ToCsv());
            Assert.Contains("0.333333 [1]", optimizer.Audit().ToString(), StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    [Fact]
    public void A_difference_tells_what_is_new_gone_and_changed()
    {
        var parameters = Model.Encoder(1);
        using var before = new AdamW(rules.Of(parameters), new() { LearningRate = 0.5 });
        using var after = new AdamW(new GroupRules<AdamWOptions>().For("**.bias", o => o with { WeightDecay = 0 }).For("head.*", o => o with { LearningRate = 0.25 })
            .Of([parameters[1], parameters[2], parameters[4], .. parameters[^2..], Model.Make("new", 1)]), new() { LearningRate = 0.375 });
        Assert.Equal(
            """
            - 'embed.tokens' [8, 4]: AdamW, group 0, lr 0.28125 (LayerDecay(0.75, encoder.layers.{i}.**))
            ~ 'encoder.layers.0.norm.weight': AdamW, group 1 → AdamW, group 0; lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**)) → 0.375 (the optimizer's options); weight_decay 0 (p => p.Shape.Length < 2) → default
            ~ 'encoder.layers.0.linear.bias': lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**)) → 0.375 (the optimizer's options)
            - 'encoder.layers.0.linear.weight' [4, 4]: AdamW, group 2, lr 0.375 (LayerDecay(0.75, encoder.layers.{i}.**))
            ~ 'head.weight': AdamW, group 3 → AdamW, group 2; lr 0.5 (the optimizer's options) → 0.25 (head.*)
            ~ 'head.bias': AdamW, group 4 → AdamW, group 3; lr 0.5 (the optimizer's options) → 0.25 (head.*)
            ~ 'embed.positions': frozen (Freeze(embed.positions)) → AdamW, group 0; lr none → 0.375 (the optimizer's options)
            + 'new' [1]: AdamW, group 0, lr 0.375 (the optimizer's options)
            """, before.Audit().Diff(after.Audit()));
        Assert.Equal("", before.Audit().Diff(before.Audit()));

        using var unnamed = new SGD([Parameter.Of("", new float[1]), Parameter.Of("", new float[1])]);
        using var three = new SGD([Parameter.Of("", new float[1]), Parameter.Of("", new float[2]), Parameter.Of("", new float[1])]);
        Assert.Equal("~ '': [] → [2]\n+ '' []: SGD, group 0", unnamed.Audit().Diff(three.Audit()));
    }

    [Fact]
    public void It_is_a_copy()
    {
        using var optimizer = new SGD(Model.Encoder(1));
        var audit = optimizer.Audit();
        string before = audit.ToString();
        optimizer.ParameterGroups[0].LearningRate = 5;
        Assert.Equal(before, audit.ToString());
        optimizer.Dispose();
        Assert.Equal(before, audit.ToString());
        Assert.Throws<ObjectDisposedException>(() => optimizer.Audit());
    }

    [Fact]
    public void Every_optimizer_has_one()
    {
        foreach (var type in OptimizerDriver.PublicOptimizers)
        {
            using var optimizer = OptimizerDriver.For(type.Name).Create([Parameter.Of("w", new float[4], 2, 2)], []);
            var row = Assert.Single(optimizer.Audit().Rows);
            Assert.Equal((type.Name, 0), (row.Algorithm, row.Group));
        }
    }
}
