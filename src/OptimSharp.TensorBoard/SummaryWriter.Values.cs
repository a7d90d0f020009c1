using System.Text;
using Google.Protobuf;
using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

// What can be added.
public sealed partial class SummaryWriter
{
    /// <summary>A number. TensorBoard draws those of a tag over the steps; what is before a <c>/</c> in the tag groups its charts.</summary>
    /// <param name="tag">What the number is: <c>"loss"</c>, <c>"accuracy/test"</c>.</param>
    /// <param name="value">The number. It is kept in single precision, as by PyTorch; TensorBoard marks those that are not finite.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">The tag is empty.</exception>
    /// <exception cref="IOException">Earlier events could not be written. All are kept.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed.</exception>
    public void AddScalar(string tag, double value, long step = 0, DateTimeOffset? wallTime = null)
    {
        CheckTag(tag, nameof(tag));
        Add(new SummaryValue { Tag = tag, SimpleValue = (float)value }, step, wallTime);
    }

    /// <summary>Several numbers in one chart. As in PyTorch, each is a run of its own, in a folder of the run's: <c>mainTag_tag</c>.</summary>
    /// <param name="mainTag">The chart.</param>
    /// <param name="values">The numbers, by the names of their lines.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">A tag is empty, or can't be a part of a folder's name.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddScalars(string mainTag, IReadOnlyDictionary<string, double> values, long step = 0, DateTimeOffset? wallTime = null)
    {
        CheckTag(mainTag, nameof(mainTag));
        ArgumentNullException.ThrowIfNull(values);
        wallTime ??= DateTimeOffset.UtcNow;
        foreach (string tag in values.Keys)
            CheckFolder(tag, nameof(values));
        string prefix = mainTag.Replace('/', '_');
        CheckFolder(prefix, nameof(mainTag));
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            EventFile[] lines = [.. values.Select(line => FileOf(Path.Combine(LogDirectory, $"{prefix}_{line.Key}")))];
            foreach (var (line, value) in lines.Zip(values))
                Append(line, new() { Value = { new SummaryValue { Tag = mainTag, SimpleValue = (float)value.Value } } }, step, wallTime);
            foreach (var line in lines)
                line.Check();
        }
    }

    /// <summary>How numbers are spread: weights, gradients, activations. Counted in TensorBoard's default buckets, as by PyTorch.</summary>
    /// <param name="tag">What the numbers are.</param>
    /// <param name="values">The numbers, at least one. Those that are not finite are left out; how many there are is then a scalar, <c>tag/not_finite</c>.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">The tag is empty, or there are no numbers.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddHistogram(string tag, ReadOnlySpan<float> values, long step = 0, DateTimeOffset? wallTime = null) => Count(tag, values, step, wallTime);

    /// <inheritdoc cref="AddHistogram(string, ReadOnlySpan{float}, long, DateTimeOffset?)"/>
    public void AddHistogram(string tag, ReadOnlySpan<double> values, long step = 0, DateTimeOffset? wallTime = null) => Count(tag, values, step, wallTime);

    /// <param name="tag">What the numbers are.</param>
    /// <param name="values">A tensor of a state dict; of TorchSharp's, <c>tensor.ToTensorData()</c>. Complex elements are two numbers.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <inheritdoc cref="AddHistogram(string, ReadOnlySpan{float}, long, DateTimeOffset?)" path="/*[not(self::param)]"/>
    public void AddHistogram(string tag, TensorData values, long step = 0, DateTimeOffset? wallTime = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        Count<double>(tag, values.ToDoubles(), step, wallTime);
    }

    /// <summary>An image.</summary>
    /// <param name="tag">What it shows.</param>
    /// <param name="png">The bytes of a PNG file, as ScottPlot's <c>plot.GetImageBytes(…)</c>, SkiaSharp and others make them.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">The tag is empty, or the bytes are no PNG.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddImage(string tag, ReadOnlySpan<byte> png, long step = 0, DateTimeOffset? wallTime = null)
    {
        CheckTag(tag, nameof(tag));
        var header = PngHeader.Read(png, nameof(png));
        Add(new SummaryValue { Tag = tag, Image = new() { Height = header.Height, Width = header.Width, Colorspace = header.Channels, EncodedImageString = ByteString.CopyFrom(png) } }, step, wallTime);
    }

    /// <summary>A text, which TensorBoard shows as Markdown.</summary>
    /// <param name="tag">What it is about.</param>
    /// <param name="text">The text.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">The tag is empty.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddText(string tag, string text, long step = 0, DateTimeOffset? wallTime = null)
    {
        CheckTag(tag, nameof(tag));
        ArgumentNullException.ThrowIfNull(text);
        Add(new SummaryValue
        {
            Tag = tag + "/text_summary",
            Metadata = new() { PluginData = new() { PluginName = "text" } },
            Tensor = new()
            {
                Dtype = TensorProto.Types.DataType.DtString,
                TensorShape = new() { Dim = { new Dimension { Size = 1 } } },
                StringVal = { ByteString.CopyFrom(text, Encoding.UTF8) },
            },
        }, step, wallTime);
    }

    void Count<T>(string tag, ReadOnlySpan<T> values, long step, DateTimeOffset? wallTime) where T : System.Numerics.INumberBase<T>
    {
        CheckTag(tag, nameof(tag));
        if (values.IsEmpty)
            throw new ArgumentException($"The histogram '{tag}' is of no numbers.", nameof(values));
        var (histogram, notFinite) = Histogram.Of(values);
        var summary = new Summary();
        if (histogram is not null)
            summary.Value.Add(new SummaryValue { Tag = tag, Histo = histogram });
        if (notFinite > 0)
            summary.Value.Add(new SummaryValue { Tag = tag + "/not_finite", SimpleValue = notFinite });
        Add(summary, step, wallTime);
    }

    static void CheckFolder(string part, string name)
    {
        CheckTag(part, name);
        if (part.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) >= 0)
            throw new ArgumentException($"'{part}' can't be a part of a folder's name, in which its numbers would be.", name);
    }
}
