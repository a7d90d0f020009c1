namespace OptimSharp.Tests.Checkpoints;

public class StateDictTests
{
    [Fact]
    public void It_keeps_order_kinds_and_both_kinds_of_keys()
    {
        var dict = new StateDict { { "b", 1 }, { "a", 2.5f }, { 3, "text" }, { "list", new object?[] { 1, true, null, new[] { 2.0 } } }, { "none", null } };
        Assert.Equal("{b: 1, a: 2.5, 3: 'text', list: [1, true, null, [2]], none: null}", dict.ToString());
        Assert.Equal(1L, dict["b"]);
        Assert.Equal(2.5, dict["a"]);
        Assert.Equal("text", dict[3]);
        Assert.False(dict.ContainsKey("3"));
        Assert.Equal(5, dict.Count);
    }

    [Fact]
    public void The_getters_name_the_path()
    {
        var dict = new StateDict { { "groups", new[] { new StateDict { { "lr", "fast" } } } }, { "state", new StateDict { { 7, new StateDict { { "step", 1.5 } } } } } };
        Check("State 'groups[0].lr' must be a number, but is 'fast'.", () => dict.GetDicts("groups")[0].GetDouble("lr"));
        Check("State 'groups[0].momentum' is missing.", () => dict.GetDicts("groups")[0].GetDouble("momentum"));
        Check("State 'state.7.step' must be a whole number, but is 1.5.", () => dict.GetDict("state").GetDict(7).GetInt64("step"));
        Check("State 'groups' must be a dictionary, but is [{lr: 'fast'}].", () => dict.GetDict("groups"));
        Check("State 'state' must be a list, but is {7: {step: 1.5}}.", () => dict.GetList("state"));
        Check("State 'state.7.step' must be true or false, but is 1.5.", () => dict.GetDict("state").GetDict(7).GetBoolean("step"));
        Check("State 'when' can't be a DateTime: a state holds null, bools, numbers, texts, tensors, lists and state dicts.", () => dict["when"] = DateTime.UnixEpoch);
        Check("State 'self' can't be a dictionary that it is in itself.", () => dict["self"] = dict);

        static void Check(string message, Func<object?> action) => Assert.Equal(message, Assert.Throws<StateDictException>(action).Message);
    }

    [Fact]
    public void What_is_deep_or_long_is_told_soon_and_in_short()
    {
        StateDict deep = [];
        var dict = deep;
        for (int i = 0; i < 100; i++)
            dict = new() { { "x", new[] { dict } } };
        Assert.Equal(string.Join(".", Enumerable.Repeat("x[0]", 100)), deep.Path);
        var list = new StateDict { { "list", Enumerable.Repeat(new string('a', 1 << 20), 1 << 12) } };
        Assert.Equal($"State 'list' must be a number, but is ['{new string('a', 198)}….", Assert.Throws<StateDictException>(() => list.GetDouble("list")).Message);
    }

    [Fact]
    public void A_clone_shares_nothing()
    {
        var dict = new StateDict { { "inner", new StateDict { { "x", 1 } } }, { "list", new[] { new StateDict { { "y", 1 } } } } };
        var copy = dict.Clone();
        copy.GetDict("inner")["x"] = 2;
        copy.GetDicts("list")[0]["y"] = 2;
        Assert.Equal("{inner: {x: 1}, list: [{y: 1}]}", dict.ToString());
        Assert.Equal("{inner: {x: 2}, list: [{y: 2}]}", copy.ToString());
    }

    [Fact]
    public void Lists_are_copied()
    {
        double[] list = [1, 2];
        var dict = new StateDict { { "list", list } };
        list[0] = 9;
        Assert.Equal([1, 2], dict.GetDoubles("list"));
    }

    [Fact]
    public void Tuples_are_told_from_lists_and_read_alike()
    {
        var dict = new StateDict { { "betas", (0.9f, 1) }, { "one", ValueTuple.Create("a") }, { "size", new StateTuple([2, 3L], "torch.Size") } };
        Assert.Equal("{betas: (0.8999999761581421, 1), one: ('a',), size: (2, 3)}", dict.ToString());
        Assert.Equal([0.9f, 1.0], dict.GetDoubles("betas"));
        Assert.Equal([2L, 3L], dict.GetList("size"));
        Assert.Null(Assert.IsType<StateTuple>(dict["betas"]).PythonType);
        Assert.Equal("torch.Size", Assert.IsType<StateTuple>(dict.Clone()["size"]).PythonType);
        var inner = new StateDict { { "x", 1 } };
        var copy = new StateDict { { "pair", (inner, new[] { inner.Clone() }) } }.Clone();
        inner["x"] = 2;
        Assert.Equal("{pair: ({x: 1}, [{x: 1}])}", copy.ToString());
        Assert.Equal("State 'bad[1]' can't be a DateTime: a state holds null, bools, numbers, texts, tensors, lists and state dicts.",
            Assert.Throws<StateDictException>(() => dict["bad"] = (1, DateTime.UnixEpoch)).Message);
    }

    [Fact]
    public void It_keeps_what_else_PyTorch_saves()
    {
        var dict = new StateDict
        {
            PythonType = "collections.OrderedDict", Attributes = new() { { "_metadata", new StateDict { { "", new StateDict { { "version", 1 } } } } } },
        };
        dict["dtype"] = ElementType.BFloat16;
        dict["device"] = new StateDevice("cuda", 1);
        var copy = dict.Clone();
        Assert.Equal("{dtype: BFloat16, device: cuda:1}", copy.ToString());
        Assert.Equal("collections.OrderedDict", copy.PythonType);
        Assert.Equal("{_metadata: {: {version: 1}}}", copy.Attributes!.ToString());
        Assert.NotSame(dict.Attributes, copy.Attributes);
        Assert.Throws<StateDictException>(() => dict["dtype"] = (ElementType)99);
    }

    [Fact]
    public void Lists_that_are_in_themselves_or_very_deep_are_refused()
    {
        var endless = new List<object?>();
        endless.Add(endless);
        Assert.Contains("in itself", Assert.Throws<StateDictException>(() => new StateDict { { "a", endless } }).Message, StringComparison.Ordinal);
        object? deep = 1;
        for (int i = 0; i < 100_000; i++)
            deep = new List<object?> { deep };
        Assert.Contains("levels within each other", Assert.Throws<StateDictException>(() => new StateDict { { "a", deep } }).Message, StringComparison.Ordinal);
    }
}
