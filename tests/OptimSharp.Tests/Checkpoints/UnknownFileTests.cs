using System.Text;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>What stands in a checkpoint's place and is none is told by what it is, whatever its name.</summary>
public sealed class UnknownFileTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>As git-lfs writes it.</summary>
    internal const string Pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 4976698672\n";

    [Theory]
    [InlineData("is empty", "")]
    [InlineData("is a Git LFS pointer to a file of 4976698672 bytes, not the file itself. Fetch that with 'git lfs pull'", Pointer)]
    [InlineData("is a Git LFS pointer, not the file itself. Fetch that with 'git lfs pull'", "version https://git-lfs.github.com/spec/v1\r\nsize many\r\n")]
    [InlineData("is an HTML page", "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in</title>")]
    [InlineData("is an HTML page", "\uFEFF\r\n  <HTML><body>404</body></HTML>")]
    [InlineData("is XML", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>")]
    [InlineData("has no weight_map: this is JSON, but no index of a checkpoint's parts", "{\"error\":\"Repository not found\"}")]
    [InlineData("has no weight_map: this is JSON, but no index of a checkpoint's parts", "{\"a\":   {}}")] // where a safetensors file has its first brace
    [InlineData("is compressed by gzip", "\u001F\u008B\u0008")]
    [InlineData("is neither a PyTorch file nor a safetensors file", "hello")]
    public void It_is_told(string message, string content)
    {
        foreach (string extension in new[] { ".pt", ".bin", ".safetensors", ".any" })
        {
            if (extension == ".safetensors" && content == "hello")
                continue; // that is told by the rule that it breaks
            string path = Path.Combine(folder, "a" + extension);
            File.WriteAllBytes(path, content.StartsWith('\u001F') ? Encoding.Latin1.GetBytes(content) : Encoding.UTF8.GetBytes(content));
            var error = Assert.Throws<CheckpointException>(() => Checkpoint.Load(path));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Equal(path, error.File);
        }
    }

    [Fact]
    public void An_index_can_not_be_a_stream() =>
        Assert.Contains("An index of parts is loaded by its path", Assert.Throws<CheckpointException>(() => Checkpoint.Load(new MemoryStream("{\"weight_map\":{}}"u8.ToArray()))).Message, StringComparison.Ordinal);

    /// <summary>A header of 123 bytes begins with a brace, as JSON does.</summary>
    [Fact]
    public void A_length_that_looks_like_a_letter_is_none()
    {
        byte[] file = new byte[8 + '{'];
        Array.Fill(file, (byte)' ');
        BitConverter.GetBytes((long)'{').CopyTo(file, 0);
        "{}"u8.CopyTo(file.AsSpan(8));
        string path = Path.Combine(folder, "a.safetensors");
        File.WriteAllBytes(path, file);
        Assert.Empty(Checkpoint.Load(path));
    }
}
