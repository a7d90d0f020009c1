namespace OptimSharp.Tool.Tests;

public class VerifyTests
{
    [Theory]
    [InlineData("epoch2.pt", null)]
    [InlineData("sharded", null)]
    [InlineData("lightning.ckpt", null)]
    [InlineData("diverged.pt", "tensor 'head.weight': 1 of 64 numbers not finite (1 NaN, 0 infinite)")]
    [InlineData("changed.pt", "tensor 'embed.weight': entry 'epoch2/data/0' is damaged: its checksum is")]
    [InlineData("cut.pt", "is no whole zip file")]
    public void What_is_wrong_with_a_file_is_found(string name, string? problem)
    {
        var run = ToolRun.Of("checkpoint", "verify", Files.Fixture(name));
        Assert.Equal(problem is null ? ExitCode.Good : ExitCode.No, run.Code);
        Assert.Contains(problem ?? ": good", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void All_files_are_looked_at_and_one_bad_one_is_enough()
    {
        var json = ToolRun.Json("checkpoint", "verify", Files.Fixture("epoch0.pt"), Files.Fixture("cut.pt"), Files.Fixture("epoch1.pt")).AsArray();
        Assert.Equal([true, false, true], json.Select(file => (bool)file!["good"]!));
        Assert.Equal(ExitCode.No, ToolRun.Of("checkpoint", "verify", Files.Fixture("epoch0.pt"), Files.Fixture("cut.pt")).Code);
    }

    [Fact]
    public void A_best_score_that_is_infinite_is_no_damage()
    {
        var json = ToolRun.Json("checkpoint", "verify", Files.Fixture("lightning.ckpt"))[0]!;
        Assert.True((bool)json["good"]!);
        Assert.Contains("kth_value", (string)json["notes"]![0]!, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_changed_byte_of_the_tensors_is_found()
    {
        using var files = new Files();
        byte[] whole = File.ReadAllBytes(Files.Fixture("epoch2.pt"));
        var weight = Checkpoint.Load(Files.Fixture("epoch2.pt")).GetTensor("embed.weight");
        int at = whole.AsSpan().IndexOf(System.Runtime.InteropServices.MemoryMarshal.AsBytes(weight.ToArray<float>().AsSpan()));
        Assert.True(at > 0);
        for (int i = 0; i < weight.Bytes; i += 31)
        {
            byte[] changed = [.. whole];
            changed[at + i] ^= 1;
            File.WriteAllBytes(files.New("x.pt"), changed);
            Assert.Equal(ExitCode.No, ToolRun.Of("checkpoint", "verify", files.New("x.pt")).Code);
        }
    }

    [Fact]
    public void A_missing_part_is_found_and_a_missing_file_is_an_error()
    {
        using var files = new Files();
        foreach (string file in Directory.GetFiles(Files.Fixture("sharded")).Where(file => !file.Contains("00002-of", StringComparison.Ordinal)))
            File.Copy(file, files.New(Path.GetFileName(file)));
        Assert.Contains("part 'model-00002-of-00002.safetensors' is missing", ToolRun.Of("checkpoint", "verify", files.Folder).Output, StringComparison.Ordinal);
        var run = ToolRun.Of("checkpoint", "verify", Files.Fixture("epoch0.pt"), files.New("nothing.pt"), Files.Fixture("epoch1.pt"));
        Assert.Equal((ExitCode.Failed, ""), (run.Code, run.Error));
        Assert.Matches(@"epoch0.pt: good(.*\n)+.*nothing.pt: NOT good\n  There is no file(.*\n)+.*epoch1.pt: good", run.Output); // the others are told all the same
    }

    [Fact]
    public void Entries_that_no_tensor_is_made_of_are_looked_at_too()
    {
        using var files = new Files();
        byte[] whole = File.ReadAllBytes(Files.Fixture("epoch2.pt"));
        int at = whole.AsSpan().IndexOf("serialization_id"u8) + "serialization_id".Length;
        while (!char.IsAsciiDigit((char)whole[at])) // padding before the digits
            at++;
        whole[at] ^= 1;
        File.WriteAllBytes(files.New("x.pt"), whole);
        var run = ToolRun.Of("checkpoint", "verify", files.New("x.pt"));
        Assert.Equal(ExitCode.No, run.Code);
        Assert.Matches("entry '.*/.data/serialization_id' is damaged: its checksum is [0-9a-f]{8}, but should be [0-9a-f]{8}", run.Output);
    }
}
