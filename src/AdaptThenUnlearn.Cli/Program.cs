using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
#pragma warning disable
torch.set_num_threads(int.Parse(args[1]));
var dir = args[2];
var d = DigitImages.Train("/tmp/mnist/package/data");
var s = new PretrainingSettings(new(32, 1, 64, 4, [64, 64, 32, 16]), new(16, 0.002, 2, 16, 0, 4, 0, 10000), int.Parse(args[0]), int.Parse(args[3]), 8, 4000, 1);
using var p = new GeneratorPretraining(s, new HeldImages(d.Images), torch.CPU);
Console.WriteLine($"G {p.Trainer.Generator.Values.numel()} D {p.Trainer.Discriminator.Values.numel()} threads {torch.get_num_threads()}");
if (File.Exists(dir + "/latest.json")) {
  var j = JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(dir + "/latest.json"));
  var step = (int)j["step"];
  var v = Directory.GetFiles($"{dir}/{step}").ToDictionary(f => Path.GetFileName(f), f => torch.tensor(MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(f)).ToArray()));
  p.Restore(v, j, step); Console.WriteLine("resumed " + step);
}
var sw = Stopwatch.StartNew();
p.Run(int.MaxValue, new P(t => {
  if (t.Step % 100 == 0) { Console.WriteLine($"{t} {sw.ElapsedMilliseconds / 100.0:F1} ms/step tensors {torch.Tensor.TotalCount}"); sw.Restart(); }
  if (t.Step % 1000 == 0) {
    Directory.CreateDirectory($"{dir}/{t.Step}");
    foreach (var (k, x) in p.Trainer.State(out var c)) File.WriteAllBytes($"{dir}/{t.Step}/{k}", MemoryMarshal.AsBytes<float>(x.data<float>().ToArray()).ToArray());
    p.Trainer.State(out var counters);
    var all = new Dictionary<string, double>(counters) { ["step"] = t.Step };
    File.WriteAllText(dir + "/latest.json", JsonSerializer.Serialize(all));
  }
}), default);
class P(Action<TrainingStep> a) : IProgress<TrainingStep> { public void Report(TrainingStep s) => a(s); }
