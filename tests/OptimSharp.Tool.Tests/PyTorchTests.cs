using OptimSharp.Conformance;

namespace OptimSharp.Tool.Tests;

/// <summary>What the tool writes, read by real PyTorch.</summary>
public class PyTorchTests
{
    [Fact]
    public async Task PyTorch_reads_what_is_converted_extracted_and_averaged()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        using var files = new Files();
        foreach (string name in (string[])["epoch0.pt", "epoch1.pt", "epoch2.pt", "lightning.ckpt"])
            File.Copy(Files.Fixture(name), files.New(name));
        ToolRun.Good("checkpoint", "convert", Files.Fixture("sharded"), files.New("whole.pt"));
        ToolRun.Good("checkpoint", "convert", files.New("epoch2.pt"), files.New("half.pt"), "--dtype", "bfloat16");
        ToolRun.Good("checkpoint", "convert", files.New("epoch2.pt"), files.New("parts.bin"), "--max-shard", "400");
        ToolRun.Good("checkpoint", "convert", files.New("epoch2.pt"), files.New("model.safetensors"));
        ToolRun.Good("checkpoint", "extract", "model", files.New("lightning.ckpt"), "--strip-prefix", "model.", "-o", files.New("model.pt"));
        ToolRun.Good("checkpoint", "average", files.New("epoch0.pt"), files.New("epoch1.pt"), files.New("epoch2.pt"), "--weights", "1,2,1", "-o", files.New("average.pt"));
        ToolRun.Good("checkpoint", "prefix", "strip", "model.", files.New("lightning.ckpt"), "--allow-objects", "-o", files.New("renamed.ckpt"));
        File.WriteAllText(files.New("check.py"), """
            import glob, json, struct, sys, types, torch
            load = lambda name: torch.load(name, weights_only=True)
            epochs = [load(f"epoch{i}.pt") for i in range(3)]
            last = epochs[2]
            def same(a, b):
                assert list(a) == list(b), (list(a), list(b))
                for key in a:
                    assert a[key].dtype == b[key].dtype and torch.equal(a[key], b[key]), key
            half = {k: v.bfloat16() if v.is_floating_point() else v for k, v in last.items()}
            same(load("whole.pt"), half)
            same(load("half.pt"), half)
            same({k: v for name in sorted(glob.glob("parts-*.bin")) for k, v in load(name).items()}, last)
            same(load("model.pt"), last)
            average = load("average.pt")
            for key, value in average.items():
                expected = sum(w * e[key].double() for w, e in zip((0.25, 0.5, 0.25), epochs)).float() if value.is_floating_point() else last[key]
                assert torch.allclose(value, expected, rtol=1e-6, atol=1e-7), key
            raw = open("model.safetensors", "rb").read()
            size, = struct.unpack("<Q", raw[:8])
            header = json.loads(raw[8:8 + size])
            kinds = {"F32": torch.float32, "I64": torch.int64}
            same({k: torch.frombuffer(bytearray(raw[8 + size + h["data_offsets"][0]:8 + size + h["data_offsets"][1]]), dtype=kinds[h["dtype"]]).reshape(h["shape"])
                  for k, h in header.items() if k != "__metadata__"}, dict(last))
            module = types.ModuleType("pytorch_lightning.utilities.parsing")
            class AttributeDict(dict): pass
            AttributeDict.__module__ = module.__name__
            module.AttributeDict = AttributeDict
            for name in ("pytorch_lightning", "pytorch_lightning.utilities"): sys.modules[name] = types.ModuleType(name)
            sys.modules[module.__name__] = module
            renamed, before = torch.load("renamed.ckpt", weights_only=False), torch.load("lightning.ckpt", weights_only=False)
            same(renamed["state_dict"], last)
            assert renamed["hyper_parameters"] == before["hyper_parameters"] == {"lr": 0.02, "width": 16} and type(renamed["hyper_parameters"]) is AttributeDict
            print("good")
            """);
        Assert.Equal("good\n", await PythonWithTorch.RunAsync(python!, files.Folder, "check.py"));
    }

    [Fact]
    public async Task Statistics_are_those_of_PyTorch()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        using var files = new Files();
        File.Copy(Files.Fixture("epoch2.pt"), files.New("epoch2.pt"));
        File.WriteAllText(files.New("stat.py"), """
            import torch
            for name, x in torch.load("epoch2.pt").items():
                x = x.double()
                print(name, float(x.norm()), float(x.min()), float(x.max()), float(x.mean()))
            """);
        string[] lines = (await PythonWithTorch.RunAsync(python!, files.Folder, "stat.py")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var tensors = ToolRun.Json("checkpoint", "stat", files.New("epoch2.pt"))["tensors"]!.AsArray();
        Assert.Equal(lines.Length, tensors.Count);
        foreach (var (line, tensor) in lines.Zip(tensors))
        {
            string[] parts = line.Split(' ');
            Assert.Equal(parts[0], (string)tensor!["name"]!);
            foreach (var (key, text) in ((string[])["norm", "min", "max", "mean"]).Zip(parts[1..]))
                Assert.Equal(double.Parse(text, System.Globalization.CultureInfo.InvariantCulture), (double)tensor[key]!, 1e-12);
        }
    }
}
